/** A wall step larger than this re-anchors the clock (DESIGN, Traces). */
const STEP_MS = 1000;

/**
 * Wall time that never jumps between two messages: the monotonic clock, anchored to wall time once
 * and again only when the wall was set. `now` is in milliseconds of the monotonic clock throughout
 * the data plane; conversion happens where a time leaves it.
 */
export class Clock {
  readonly #wall: () => number;
  readonly #monotonic: () => number;
  #anchor: number;

  /** The parameters are for tests. */
  constructor(wall = Date.now, monotonic = () => performance.now(), anchor = performance.timeOrigin) {
    this.#wall = wall;
    this.#monotonic = monotonic;
    this.#anchor = anchor;
    this.check();
  }

  now(): number {
    return this.#monotonic();
  }

  /** Microseconds since the epoch. */
  micros(now: number): number {
    return Math.round((this.#anchor + now) * 1000);
  }

  /** Compares with the wall; true if it had been set and the clock followed. */
  check(): boolean {
    const now = this.#monotonic();
    const wall = this.#wall();
    if (Math.abs(wall - this.#anchor - now) <= STEP_MS) return false;
    // the wall is read in whole milliseconds: on average it is half a one further
    this.#anchor = wall + 0.5 - now;
    return true;
  }
}
