import type { FrameDecoder } from '../amqp/frames.ts';
import type { DelayLine, Wire } from './delay-line.ts';
import type { Output } from './output.ts';
import type { Relay } from './relay.ts';

/** One direction of a connection, for what puts frames in or takes them out of their turn. */
export class DirectionWire implements Wire {
  readonly output: Output;
  readonly capture: Output;
  readonly #clock: { now(): number };
  #decoder: FrameDecoder | undefined;
  #relay: Relay | undefined;
  /** what may go as soon as the frame at hand has ended */
  #due: (() => void)[] = [];
  readonly #full = new Set<DelayLine>();

  constructor(output: Output, capture: Output, clock: { now(): number }) {
    this.output = output;
    this.capture = capture;
    this.#clock = clock;
  }

  attach(decoder: FrameDecoder, relay: Relay): void {
    this.#decoder = decoder;
    this.#relay = relay;
  }

  now(): number {
    return this.#clock.now();
  }

  /** Something waits for the end of a frame. */
  get isDue(): boolean {
    return this.#due.length > 0;
  }

  onceAtBoundary(go: () => void): void {
    this.#due.push(go);
    this.frameEnded();
  }

  /** As soon as the next frame has ended. */
  later(go: () => void): void {
    this.#due.push(go);
  }

  /** Bytes that were handed on may end with a frame's end. */
  frameEnded(): void {
    if (!this.#decoder?.atBoundary) return;
    for (const go of this.#due.splice(0)) go();
    this.#relay?.send();
  }

  full(line: DelayLine, isFull: boolean): void {
    if (isFull === this.#full.has(line)) return;
    if (isFull) this.#full.add(line);
    else this.#full.delete(line);
    this.#relay?.hold('delay line', this.#full.size > 0);
  }
}
