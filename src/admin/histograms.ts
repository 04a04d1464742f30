import type { Quantiles } from '../api.ts';
import type { Histogram } from '../parts.ts';

/**
 * Observations of several histograms as those of one. Bounds may differ where sidecars are configured differently: then
 * each bucket keeps its own upper bound, and the sum has all of them.
 */
export function added(histograms: readonly Histogram[]): Histogram {
  const [first, ...others] = histograms;
  if (first === undefined) return { bounds: [], counts: [0] };
  const isSame = others.every(
    ({ bounds }) => bounds.length === first.bounds.length && bounds.every((b, i) => b === first.bounds[i]),
  );
  const bounds = isSame ? first.bounds : [...new Set(histograms.flatMap((each) => each.bounds))].sort((a, b) => a - b);
  const counts = new Array<number>(bounds.length + 1).fill(0);
  for (const each of histograms) {
    each.counts.forEach((count, i) => {
      const at = i < each.bounds.length ? bounds.indexOf(each.bounds[i]) : bounds.length;
      counts[at] += count;
    });
  }
  return { bounds, counts };
}

/** As Prometheus' histogram_quantile: linear within a bucket, and the last bound for what is beyond it. Null: nothing was observed. */
export function quantile(q: number, { bounds, counts }: Histogram): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const rank = q * total;
  let below = 0;
  for (let i = 0; i < bounds.length; i++) {
    if (below + counts[i] >= rank && counts[i] > 0) {
      const lower = i === 0 ? 0 : bounds[i - 1];
      return lower + ((bounds[i] - lower) * (rank - below)) / counts[i];
    }
    below += counts[i];
  }
  return bounds.at(-1) ?? null;
}

export function quantiles(histogram: Histogram): Quantiles {
  return {
    p50: quantile(0.5, histogram),
    p95: quantile(0.95, histogram),
    p99: quantile(0.99, histogram),
    count: histogram.counts.reduce((sum, count) => sum + count, 0),
  };
}
