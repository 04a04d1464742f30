import type { Slowness } from '../../proxy/ports/observer.ts';
import type { BucketLayout } from '../metrics/bucket-layout.ts';

const MINUTES = 10;
const MINUTE_MS = 60_000;
/** No message is slow that took less. */
const LEAST_S = 0.1;
const SHARE = 0.99;

/** Counts by explicit bucket, of the call at hand. */
let counts = new Float64Array(32);

/** What messages of one topic out of one queue took in the last ten minutes: slow is what takes longer than nearly all. */
export class OwnPast implements Slowness {
  over = Number.POSITIVE_INFINITY;
  readonly #layout: BucketLayout;
  /** by minute, in turn: counts by explicit bucket as they were at its start */
  #minutes: Float64Array | undefined;
  /** minutes that have begun */
  #begun = 0;
  #since = Number.NaN;

  /** `layout`: of the histogram that `advance` is given. */
  constructor(layout: BucketLayout) {
    this.#layout = layout;
  }

  /** Call it once a second, with any steady clock in milliseconds; the histogram's cells start at `at`. */
  advance(nowMs: number, cells: Float64Array, at: number): void {
    const { explicit, explicitOf } = this.#layout;
    const width = explicit.length + 1;
    if (counts.length < width) counts = new Float64Array(width);
    counts.fill(0, 0, width);
    this.#layout.read(cells, at, (bucket, count) => {
      counts[explicitOf[bucket]] += count;
    });
    this.#minutes ??= new Float64Array(MINUTES * width);
    if (!(nowMs - this.#since < MINUTE_MS)) {
      const place = (this.#begun++ % MINUTES) * width;
      // what there is when it begins is its past too
      if (this.#begun > 1) this.#minutes.set(counts.subarray(0, width), place);
      this.#since = nowMs;
    }
    const oldest = this.#begun <= MINUTES ? 0 : (this.#begun % MINUTES) * width;
    this.over = this.#percentile(this.#minutes, oldest);
  }

  /** The histogram is gone: others will count from 0. */
  forget(): void {
    this.#minutes = undefined;
    this.#begun = 0;
    this.#since = Number.NaN;
    this.over = Number.POSITIVE_INFINITY;
  }

  /** The upper bound of the bucket in which the percentile lies, since the minute at `before`. */
  #percentile(minutes: Float64Array, before: number): number {
    const { explicit } = this.#layout;
    let total = 0;
    for (let bucket = 0; bucket <= explicit.length; bucket++) total += counts[bucket] - minutes[before + bucket];
    let below = 0;
    for (let bucket = 0; bucket < explicit.length && total > 0; bucket++) {
      below += counts[bucket] - minutes[before + bucket];
      if (below >= total * SHARE) return Math.max(LEAST_S, explicit[bucket]);
    }
    return Number.POSITIVE_INFINITY;
  }
}
