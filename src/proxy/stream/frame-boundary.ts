import type { FrameDecoder } from '../../amqp/frames.ts';
import type { Wire } from './delay-line.ts';
import type { Output } from './output.ts';
import type { Relay } from './relay.ts';

/** One direction of a connection, as those see it who put frames of their own into it: only between two of its frames. */
export class FrameBoundary implements Wire {
  readonly output: Output;
  readonly capture: Output;
  readonly #clock: { now(): number };
  #decoder: FrameDecoder | undefined;
  #relay: Relay | undefined;
  /** what may go as soon as the frame at hand has ended */
  #due: (() => void)[] = [];
  /** who keeps too many bytes: nothing is read as long as there is one */
  readonly #full = new Set<object>();
  /** the frame that is coming in pieces is not sent for now: what was sent ends with a frame's end */
  isHeldBack = false;

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

  /** Bytes of our own can go in here. */
  get isAtBoundary(): boolean {
    return this.#decoder !== undefined && (this.#decoder.atBoundary || this.isHeldBack);
  }

  /** Bytes that were handed on may end with a frame's end. */
  frameEnded(): void {
    if (!this.isAtBoundary) return;
    const due = this.#due.splice(0);
    for (let go = due.shift(); go !== undefined; go = due.shift()) {
      go();
      // it may have sent the beginning of a frame that was held back
      if (!this.isAtBoundary) break;
    }
    this.#due.unshift(...due);
    this.#relay?.send();
  }

  /** What `holder` keeps takes too much memory, or no longer: nothing is read meanwhile. */
  full(holder: object, isFull: boolean): void {
    if (isFull === this.#full.has(holder)) return;
    if (isFull) this.#full.add(holder);
    else this.#full.delete(holder);
    this.#relay?.hold('full', this.#full.size > 0);
  }
}
