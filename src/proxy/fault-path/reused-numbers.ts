import type { FrameVisitor } from '../../amqp/frames.ts';
import type { Session } from '../session/session.ts';
import type { DirectionWire } from '../stream/frame-boundary.ts';
import type { Severed } from './severed-channel.ts';

/** Most bytes of a connection that wait for channel numbers to be free; beyond, the app is not read until one is. */
const MAX_WAITING = 64 * 1024;

/**
 * What an app sends on the numbers of channels that a fault has closed, after it has answered our close and before
 * the broker has: it waits until the broker lets go of the number, and is passed on then.
 */
export class ReusedNumbers {
  readonly #session: Session;
  readonly #wire: DirectionWire;
  /** bytes that wait */
  #waiting = 0;
  /** the channel of which came the last of them */
  #last: Severed | undefined;

  constructor(session: Session, wire: DirectionWire) {
    this.#session = session;
    this.#wire = wire;
  }

  /** A frame of channel `id`, or a part of one. False: it is no such frame. */
  waits(id: number, buf: Uint8Array, start: number, end: number): boolean {
    const severed = this.#session.channel(id)?.severed;
    this.#wire.isHeldBack = severed?.appDone ?? false;
    if (!severed?.appDone) return false;
    severed.wait(buf, start, end);
    this.#last = severed;
    this.#waiting += end - start;
    if (this.#waiting > MAX_WAITING) this.#wire.full(this, true);
    return true;
  }

  /** The number of `severed` is free, and the channel forgotten: `visitor` gets what came on the number since. */
  pass(severed: Severed, visitor: FrameVisitor, observed: ReadonlySet<number>): void {
    this.#waiting -= severed.waiting;
    // the frame that is coming may be of another channel whose number is not free yet
    const isHeldBack = this.#wire.isHeldBack && severed !== this.#last;
    if (severed === this.#last) this.#last = undefined;
    severed.replay(visitor, observed);
    this.#wire.isHeldBack = isHeldBack;
    this.#wire.full(this, this.#waiting > MAX_WAITING);
  }

  /** What comes is not followed any more: what waits goes before it, as it is. */
  release(): void {
    if (this.#waiting === 0 || !this.#wire.isAtBoundary) return;
    const { output } = this.#wire;
    for (const { severed } of this.#session.channels()) if (severed !== this.#last) severed?.release(output);
    // the last frame of this one may not have come whole
    this.#last?.release(output);
    this.#last = undefined;
    this.#waiting = 0;
    this.#wire.isHeldBack = false;
    this.#wire.full(this, false);
  }
}
