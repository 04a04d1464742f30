/**
 * A token bucket: `perSecond` tokens a second, at most one second's worth saved up.
 * A rate below one saves up to one token, so that it lets something through at all.
 */
export class RateLimit {
  #perSecond: number;
  #capacity: number;
  #tokens: number;
  #at = Number.NaN;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#capacity = perSecond > 0 ? Math.max(1, perSecond) : 0;
    this.#tokens = this.#capacity;
  }

  /** Another rate from now on; what was saved up beyond it is gone. */
  set(perSecond: number): void {
    this.#perSecond = perSecond;
    this.#capacity = perSecond > 0 ? Math.max(1, perSecond) : 0;
    this.#tokens = Math.min(this.#tokens, this.#capacity);
  }

  /** Takes one token if there is one. `nowMs` is any steady clock; a step back adds nothing. */
  take(nowMs: number): boolean {
    const elapsed = nowMs - this.#at;
    this.#at = nowMs;
    if (elapsed > 0) this.#tokens = Math.min(this.#capacity, this.#tokens + (elapsed / 1000) * this.#perSecond);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
