import type { FrameVisitor } from '../../amqp/frames.ts';
import type { FrameBoundary } from '../stream/frame-boundary.ts';
import type { SeveredChannel } from './severed-channel.ts';

/** The channels of one connection. */
interface Channels {
  channel(id: number): { readonly severed: SeveredChannel | undefined } | undefined;
  channels(): Iterable<{ readonly severed: SeveredChannel | undefined }>;
}

/** Most bytes of a connection that wait for channel numbers to be free; beyond, the app is not read until one is. */
const MAX_WAITING = 64 * 1024;

/**
 * What an app sends on the numbers of channels that a fault has closed, after it has answered our close and before
 * the broker has: it waits until the broker lets go of the number, and is passed on then.
 */
export class ReusedNumbers {
  readonly #channels: Channels;
  readonly #boundary: FrameBoundary;
  /** bytes that wait */
  #waiting = 0;
  /** the channel that the last of them came on */
  #last: SeveredChannel | undefined;

  constructor(channels: Channels, boundary: FrameBoundary) {
    this.#channels = channels;
    this.#boundary = boundary;
  }

  /** A frame of channel `id`, or a part of one. True: it waits; false: it may pass. */
  waits(id: number, buf: Uint8Array, start: number, end: number): boolean {
    const severed = this.#channels.channel(id)?.severed;
    this.#boundary.isHeldBack = severed?.appDone ?? false;
    if (!severed?.appDone) return false;
    severed.wait(buf, start, end);
    this.#last = severed;
    this.#waiting += end - start;
    if (this.#waiting > MAX_WAITING) this.#boundary.full(this, true);
    return true;
  }

  /** The number of `severed` is free, and the channel forgotten: `visitor` gets what came on the number since. */
  pass(severed: SeveredChannel, visitor: FrameVisitor, observed: ReadonlySet<number>): void {
    this.#waiting -= severed.waiting;
    // the frame that is coming may be of another channel whose number is not free yet
    const isHeldBack = this.#boundary.isHeldBack && severed !== this.#last;
    if (severed === this.#last) this.#last = undefined;
    severed.replay(visitor, observed);
    this.#boundary.isHeldBack = isHeldBack;
    this.#boundary.full(this, this.#waiting > MAX_WAITING);
  }

  /** What comes is not followed any more: what waits goes before it, as it is. */
  release(): void {
    if (this.#waiting === 0 || !this.#boundary.isAtBoundary) return;
    const { output } = this.#boundary;
    for (const { severed } of this.#channels.channels()) if (severed !== this.#last) severed?.release(output);
    // the last frame of this one may not have come whole
    this.#last?.release(output);
    this.#last = undefined;
    this.#waiting = 0;
    this.#boundary.isHeldBack = false;
    this.#boundary.full(this, false);
  }
}
