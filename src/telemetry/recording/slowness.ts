import type { Slowness } from '../../proxy/ports/observer.ts';

const MINUTES = 10;
const MINUTE_MS = 60_000;
/** No message is slow that took less. */
const LEAST_S = 0.1;
const SHARE = 0.99;

/** What messages of one topic out of one queue took in the last ten minutes: slow is what takes longer than nearly all. */
export class OwnPast implements Slowness {
  over = Number.POSITIVE_INFINITY;
  readonly #bounds: readonly number[];
  /** counts by bucket, as they were at the start of each minute, the oldest first */
  #minutes: Float64Array[] = [];
  #since = Number.NaN;

  /** `bounds`: of the histogram that `advance` is given. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
  }

  /** Call it once a second, with any steady clock in milliseconds; the histogram's cells start at `at`. */
  advance(nowMs: number, cells: Float64Array, at: number): void {
    if (!(nowMs - this.#since < MINUTE_MS)) {
      // what there is when it begins is its past too
      this.#minutes.push(
        Number.isNaN(this.#since)
          ? new Float64Array(this.#bounds.length + 1)
          : cells.slice(at, at + this.#bounds.length + 1),
      );
      if (this.#minutes.length > MINUTES) this.#minutes.shift();
      this.#since = nowMs;
    }
    this.over = this.#percentile(cells, at);
  }

  /** The histogram is gone: others will count from 0. */
  forget(): void {
    this.#minutes = [];
    this.#since = Number.NaN;
    this.over = Number.POSITIVE_INFINITY;
  }

  /** The upper bound of the bucket in which the percentile lies. */
  #percentile(cells: Float64Array, at: number): number {
    const [before] = this.#minutes;
    const buckets = before.length;
    let total = 0;
    for (let bucket = 0; bucket < buckets; bucket++) total += cells[at + bucket] - before[bucket];
    let below = 0;
    for (let bucket = 0; bucket < this.#bounds.length && total > 0; bucket++) {
      below += cells[at + bucket] - before[bucket];
      if (below >= total * SHARE) return Math.max(LEAST_S, this.#bounds[bucket]);
    }
    return Number.POSITIVE_INFINITY;
  }
}
