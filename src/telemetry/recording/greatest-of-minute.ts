const SECONDS = 60;

/** The greatest of what was noted in the last 60 s; 0 for nothing. */
export class GreatestOfMinute {
  /** the greatest of each second, at the second's number modulo 60 */
  readonly #of = new Float64Array(SECONDS);
  #second = 0;

  note(value: number, nowMs: number): void {
    this.#advance(nowMs);
    const slot = this.#second % SECONDS;
    this.#of[slot] = Math.max(this.#of[slot], value);
  }

  at(nowMs: number): number {
    this.#advance(nowMs);
    return Math.max(...this.#of);
  }

  #advance(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    for (let stale = Math.max(this.#second, second - SECONDS) + 1; stale <= second; stale++)
      this.#of[stale % SECONDS] = 0;
    this.#second = Math.max(this.#second, second);
  }
}
