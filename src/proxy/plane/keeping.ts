const SECOND_MS = 1000;

/** Unsampled messages that are told of all the same: how many more there may be in this second. */
export class Keeping {
  readonly #perSecond: () => number;
  readonly #limited: () => void;
  #since = Number.NEGATIVE_INFINITY;
  #kept = 0;

  /** `limited` is told of each message for which there is no room. */
  constructor(perSecond: () => number, limited: () => void) {
    this.#perSecond = perSecond;
    this.#limited = limited;
  }

  /** How many of `count` are kept, `now` in ms of the monotonic clock. */
  take(count: number, now: number): number {
    if (now - this.#since >= SECOND_MS) {
      this.#since = now;
      this.#kept = 0;
    }
    const kept = Math.min(count, Math.max(0, this.#perSecond() - this.#kept));
    this.#kept += kept;
    for (let i = kept; i < count; i++) this.#limited();
    return kept;
  }
}
