import type { Slowness } from '../../proxy/ports/observer.ts';
import type { BucketLayout } from '../metrics/bucket-layout.ts';

const MINUTES = 10;
const MINUTE_MS = 60_000;
/** No message is slow that took less. */
const LEAST_S = 0.1;
const SHARE = 0.99;

/** What messages of one topic out of one queue took in the last ten minutes: slow is what takes longer than nearly all. */
export class OwnPast implements Slowness {
  over = Number.POSITIVE_INFINITY;
  readonly #layout: BucketLayout;
  /** counts by explicit bucket, as they were at the start of each minute, the oldest first */
  #minutes: Float64Array[] = [];
  #since = Number.NaN;

  /** `layout`: of the histogram that `advance` is given. */
  constructor(layout: BucketLayout) {
    this.#layout = layout;
  }

  /** Call it once a second, with any steady clock in milliseconds; the histogram's cells start at `at`. */
  advance(nowMs: number, cells: Float64Array, at: number): void {
    const counts = this.#counts(cells, at);
    if (!(nowMs - this.#since < MINUTE_MS)) {
      // what there is when it begins is its past too
      this.#minutes.push(Number.isNaN(this.#since) ? new Float64Array(counts.length) : counts);
      if (this.#minutes.length > MINUTES) this.#minutes.shift();
      this.#since = nowMs;
    }
    this.over = this.#percentile(counts);
  }

  /** The histogram is gone: others will count from 0. */
  forget(): void {
    this.#minutes = [];
    this.#since = Number.NaN;
    this.over = Number.POSITIVE_INFINITY;
  }

  #counts(cells: Float64Array, at: number): Float64Array {
    const { explicit, explicitOf } = this.#layout;
    const counts = new Float64Array(explicit.length + 1);
    this.#layout.read(cells, at, (bucket, count) => {
      counts[explicitOf[bucket]] += count;
    });
    return counts;
  }

  /** The upper bound of the bucket in which the percentile lies. */
  #percentile(counts: Float64Array): number {
    const [before] = this.#minutes;
    const { explicit } = this.#layout;
    let total = 0;
    for (const [bucket, count] of counts.entries()) total += count - before[bucket];
    let below = 0;
    for (let bucket = 0; bucket < explicit.length && total > 0; bucket++) {
      below += counts[bucket] - before[bucket];
      if (below >= total * SHARE) return Math.max(LEAST_S, explicit[bucket]);
    }
    return Number.POSITIVE_INFINITY;
  }
}
