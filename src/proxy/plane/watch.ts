/** Messages a second that are told of because somebody watches, besides those that are told of anyway. */
const MOST_PER_SECOND = 1000;
/** Times a second that a share of them is allowed: what comes in a burst is spread over it. */
const SHARES = 10;

export const WATCH_SHARE_MS = 1000 / SHARES;

/**
 * Whether somebody on the main thread watches messages as they end. Nobody mostly does: then messages that are neither
 * sampled nor went wrong are told to nobody, and `isOn` is all that is asked.
 */
export class Watch {
  isOn = false;
  /** messages that somebody would have been told of, had there not been so many */
  skipped = 0;
  readonly #share: number;
  #topics: ReadonlySet<string> | undefined;
  #left = 0;

  /** `threads` share what is told of. */
  constructor(threads = 1) {
    this.#share = Math.ceil(MOST_PER_SECOND / SHARES / threads);
  }

  /** Undefined: nobody watches; `all`: whatever the topic. */
  set(topics: readonly string[] | 'all' | undefined): void {
    this.isOn = topics !== undefined;
    this.#topics = topics === 'all' || topics === undefined ? undefined : new Set(topics);
    this.refill();
  }

  /** Call every WATCH_SHARE_MS while it is on. */
  refill(): void {
    this.#left = this.isOn ? this.#share : 0;
  }

  /** Of so many messages of a topic: how many are to be told of. */
  take(topic: string, count: number): number {
    if (this.#topics?.has(topic) === false) return 0;
    const taken = Math.min(count, this.#left);
    this.#left -= taken;
    this.skipped += count - taken;
    return taken;
  }
}
