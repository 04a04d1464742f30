import { FrameDecoder, type FrameVisitor } from '../../amqp/frames.ts';
import type { FrameSink } from '../stream/delay-line.ts';

/**
 * A channel that we close, towards both sides at once: what still comes on it goes nowhere, and its
 * number is free again when both have answered.
 */
export class SeveredChannel {
  readonly code: number;
  readonly text: string;
  appTold = false;
  brokerTold = false;
  /** has answered our close */
  appDone = false;
  brokerDone = false;
  /** bytes of frames that wait */
  waiting = 0;
  /** frames that the app sends on the same number meanwhile, in pieces as they came */
  #pieces: Uint8Array[] = [];

  constructor(code: number, text: string) {
    this.code = code;
    this.text = text;
  }

  /** The app uses the number again, and the broker has not let go of it: a frame for later, or a part of one. */
  wait(buf: Uint8Array, start: number, end: number): void {
    this.#pieces.push(new Uint8Array(buf.subarray(start, end)));
    this.waiting += end - start;
  }

  /** Hands on what waited. The last frame may not have come whole: the rest of it is handed on as it comes. */
  replay(visitor: FrameVisitor, observed: ReadonlySet<number>): void {
    // in one piece: while a frame is handed on in several, bytes of others could get between
    const frames = Buffer.concat(this.#take());
    new FrameDecoder(visitor, observed).push(frames, 0, frames.length);
  }

  /** Nobody follows what passes any more: what waited goes as it is. */
  release(output: FrameSink): void {
    for (const piece of this.#take()) output.add(piece);
  }

  #take(): Uint8Array[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.waiting = 0;
    return pieces;
  }
}
