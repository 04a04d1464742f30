import type { CellReader } from './cell-reader.ts';
import type { CellMetric } from './declaration.ts';
import type { Exemplar, Exemplars } from './exemplars.ts';
import { type Groups, greatest, type Labels, latest, sumInto, total } from './groups.ts';

/**
 * One line of the exposition, as prom-client takes it. Its text for `sharedLabels` is cached by the
 * object's identity: that is what makes a scrape of many buckets affordable.
 */
export interface MetricValue {
  value: number;
  labels: Record<string, string | number>;
  sharedLabels?: Labels;
  metricName?: string;
  exemplar?: Exemplar;
}

const NO_LABELS = {};

/** The values of a counter or gauge now. */
export function singleValues({ show }: CellMetric, groups: Groups): MetricValue[] {
  const values: MetricValue[] = [];
  for (const group of groups) {
    const value = show === 'latest' ? Number(latest(group)) : show === 'greatest' ? greatest(group) : total(group);
    if (show === 'greatest' && value < 0) continue;
    values.push({ value, labels: NO_LABELS, sharedLabels: group.labels });
  }
  return values;
}

/** Gives the values of a histogram now: cumulative buckets within its own bounds, sum and count. */
export function histogramValues(
  { name, bounds = [], from }: CellMetric,
  groups: Groups,
  reader: CellReader,
  exemplars: Exemplars | undefined,
): () => MetricValue[] {
  const cellBounds = reader.bounds[from[0].family] ?? [];
  const sums = new Float64Array(cellBounds.length + 2);
  const infinite = cellBounds.length;
  // How many of the cells' buckets lie within each shown one; their bounds contain the shown bounds.
  const within = [...bounds.map((bound) => cellBounds.indexOf(bound) + 1), infinite + 1];
  const le = [...bounds, '+Inf'].map((bound) => ({ le: bound }));
  const [bucketName, sumName, countName] = [`${name}_bucket`, `${name}_sum`, `${name}_count`];

  return () => {
    const values: MetricValue[] = [];
    for (const group of groups) {
      sumInto(sums, group);
      const noted = exemplars?.of(group);
      let count = 0;
      let next = 0;
      for (let i = 0; i < within.length; i++) {
        while (next < within[i]) count += sums[next++];
        const value: MetricValue = {
          value: count,
          labels: le[i],
          sharedLabels: group.labels,
          metricName: bucketName,
        };
        const exemplar = noted?.[i];
        if (exemplar !== undefined) value.exemplar = exemplar;
        values.push(value);
      }
      values.push(
        { value: sums[infinite + 1], labels: NO_LABELS, sharedLabels: group.labels, metricName: sumName },
        { value: count, labels: NO_LABELS, sharedLabels: group.labels, metricName: countName },
      );
    }
    return values;
  };
}
