import { type BucketLayout, SCALE, ZERO_BUCKET, ZERO_THRESHOLD } from '../metrics/bucket-layout.ts';
import type { ExponentialReading, HistogramReading, PointReading } from '../readings.ts';
import type { CellReader } from './cell-reader.ts';
import type { CellMetric } from './declaration.ts';
import type { Exemplars } from './exemplars.ts';
import type { Group, Groups, View } from './groups.ts';
import { figure, present } from './samples.ts';

/** The points of one metric as the view has them. */
export type ReadPoints = (view: View) => PointReading[];

/** Of a counter or gauge. */
export function singlePoints({ show }: CellMetric, groups: Groups): ReadPoints {
  return (view) =>
    [...present(groups, view)]
      .map((group) => ({ labels: group.labels, series: group, value: figure(group, show, view) }))
      .filter(({ value }) => show !== 'greatest' || value >= 0);
}

/** Of a histogram: both kinds of buckets, out of the same counts. */
export function histogramPoints(
  { bounds = [], from }: CellMetric,
  groups: Groups,
  reader: CellReader,
  exemplars: Exemplars,
): ReadPoints {
  const layout = reader.layouts[from[0].family] as BucketLayout;
  const sums = new Float64Array(layout.length + 1);
  // the cells may have more explicit buckets than are shown
  const shown = Uint16Array.from([...layout.explicit, Number.POSITIVE_INFINITY], (bound) => {
    const at = bounds.findIndex((each) => bound <= each);
    return at < 0 ? bounds.length : at;
  });
  const read = (group: Group, view: View): HistogramReading => {
    group.sumBuckets(sums, view);
    const counts = new Array<number>(bounds.length + 1).fill(0);
    let count = 0;
    for (let bucket = 0; bucket < layout.length; bucket++) {
      if (sums[bucket] === 0) continue;
      counts[shown[layout.explicitOf[bucket]]] += sums[bucket];
      count += sums[bucket];
    }
    const noted = exemplars.of(group);
    return {
      count,
      sum: sums[layout.length],
      bounds,
      counts,
      exponential: exponential(layout, sums),
      ...(noted && {
        exemplars: noted.map(
          (each) =>
            each && {
              traceId: each.labelSet.trace_id,
              spanId: each.labelSet.span_id,
              value: each.value,
              timestamp: each.timestamp,
            },
        ),
      }),
    };
  };
  return (view) =>
    [...present(groups, view)].map((group) => ({ labels: group.labels, series: group, value: read(group, view) }));
}

/** From the first bucket that has a count to the last one. */
function exponential({ indexOf, length }: BucketLayout, sums: Float64Array): ExponentialReading {
  const reading: ExponentialReading = {
    scale: SCALE,
    zeroThreshold: ZERO_THRESHOLD,
    zeroCount: 0,
    offset: 0,
    counts: [],
  };
  for (let bucket = 0; bucket < length; bucket++) {
    if (sums[bucket] === 0) continue;
    const index = indexOf[bucket];
    if (index === ZERO_BUCKET) {
      reading.zeroCount += sums[bucket];
      continue;
    }
    if (reading.counts.length === 0) reading.offset = index;
    while (reading.counts.length <= index - reading.offset) reading.counts.push(0);
    reading.counts[index - reading.offset] += sums[bucket];
  }
  return reading;
}
