/** Frames that are kept of a chunk: of those whose names lead to the same place, the last one. */
const FORM_BITS = 6;
const WORD = 4;
const SPREAD = 0x9e3779b1;

/** A method frame that was understood. */
export interface MethodForm {
  /** where it lies in its chunk */
  start: number;
  /** which chunk that is: MethodForms counts them */
  chunk: number;
}

/**
 * Method frames of one chunk, so that another one with the same bytes is known again, also where an app publishes to
 * several topics in turn. One for all connections of a thread: nothing of it outlasts its chunk.
 */
export class MethodForms<F extends MethodForm> {
  readonly #forms: readonly F[];
  #chunk = 0;

  constructor(make: () => F) {
    this.#forms = Array.from({ length: 1 << FORM_BITS }, make);
  }

  /** Another chunk is at hand. */
  begin(): void {
    this.#chunk++;
  }

  /** Where a frame is kept whose names, which tell it from others, lie in `view` from `start` to `end`. */
  of(view: DataView, start: number, end: number): F {
    const last = end - WORD;
    let hash = view.getInt32(last);
    for (let at = start; at < last; at += WORD) hash = Math.imul(hash ^ view.getInt32(at), SPREAD);
    return this.#forms[Math.imul(hash ^ (hash >>> 15), SPREAD) >>> (32 - FORM_BITS)];
  }

  /** Whether a frame of the chunk at hand is kept there. */
  has(form: F): boolean {
    return form.chunk === this.#chunk;
  }

  /** The frame at `start` of the chunk at hand is kept there from now on. */
  keep(form: F, start: number): void {
    form.start = start;
    form.chunk = this.#chunk;
  }
}
