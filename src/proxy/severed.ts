import { FrameDecoder, type FrameVisitor } from '../amqp/frames.ts';

/** Most bytes an app may send on a channel number that it reuses before the broker has closed it. */
const MAX_WAITING = 64 * 1024;

/**
 * A channel that we close, towards both sides at once: what still comes on it goes nowhere, and its
 * number is free again when both have answered.
 */
export class Severed {
  readonly code: number;
  readonly text: string;
  appTold = false;
  brokerTold = false;
  /** has answered our close */
  appDone = false;
  brokerDone = false;
  /** what the app sends on the same number meanwhile */
  readonly #waiting: Uint8Array[] = [];
  #size = 0;

  constructor(code: number, text: string) {
    this.code = code;
    this.text = text;
  }

  /** The app uses the number again: a frame for later. False if there is no room for it. */
  wait(frame: Uint8Array): boolean {
    this.#size += frame.length;
    if (this.#size > MAX_WAITING) return false;
    this.#waiting.push(new Uint8Array(frame));
    return true;
  }

  get isOver(): boolean {
    return this.appDone && this.brokerDone;
  }

  /** Hands on what waited. */
  replay(visitor: FrameVisitor, observed: ReadonlySet<number>): void {
    const decoder = new FrameDecoder(visitor, observed, 'frame');
    for (const frame of this.#waiting) decoder.push(frame, 0, frame.length);
  }
}
