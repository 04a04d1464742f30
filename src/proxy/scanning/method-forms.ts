/** Power of two: more kinds of messages in turn than that share places. */
const FORMS = 16;
const WORD = 4;
const SPREAD = 0x9e3779b1;

/** A method frame of the chunk at hand that was understood. */
export interface MethodForm {
  /** where it lies, and how many bytes it has; 0: there is none */
  start: number;
  size: number;
}

/**
 * Method frames of one chunk, so that another one with the same bytes is known again, also where an app publishes to
 * several topics in turn.
 */
export class MethodForms<F extends MethodForm> {
  readonly #forms: readonly F[];

  constructor(make: () => F) {
    this.#forms = Array.from({ length: FORMS }, make);
  }

  /** Another chunk is at hand. */
  clear(): void {
    for (const form of this.#forms) form.size = 0;
  }

  /** Where a frame is kept whose names, which tell it from others, lie in `view` from `start` to `end`. */
  of(view: DataView, start: number, end: number): F {
    const last = end - WORD;
    let hash = view.getInt32(last);
    for (let at = start; at < last; at += WORD) hash = Math.imul(hash ^ view.getInt32(at), SPREAD);
    return this.#forms[Math.imul(hash ^ (hash >>> 15), SPREAD) >>> 28];
  }
}
