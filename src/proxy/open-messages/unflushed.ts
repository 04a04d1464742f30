/** A tracker with messages that the kernel has yet to take. */
export interface Flushable {
  /** The kernel has taken all that passed so far. Milliseconds of the monotonic clock. */
  flushed(now: number): void;
  /** The socket is gone, and took no more than it had. */
  unsent(now: number): void;
}

/**
 * Who waits for one socket to be flushed. A socket only tells whether it still holds anything at all, so all of them
 * are told at the same time.
 */
export class Unflushed {
  readonly #waiting: Flushable[] = [];

  /** Told once, of the next flush. */
  add(flushable: Flushable): void {
    this.#waiting.push(flushable);
  }

  flushed(now: number): void {
    const count = this.#waiting.length;
    if (count === 0) return;
    for (let i = 0; i < count; i++) this.#waiting[i].flushed(now);
    this.#waiting.length = 0;
  }

  unsent(now: number): void {
    for (const each of this.#waiting.splice(0)) each.unsent(now);
  }
}
