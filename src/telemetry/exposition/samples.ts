import type { CellReader } from './cell-reader.ts';
import type { CellMetric } from './declaration.ts';
import type { Exemplar, Exemplars } from './exemplars.ts';
import type { Group, Groups, View } from './groups.ts';

/**
 * The samples of one metric as the view has them, as prom-client would write them: with hundreds of
 * topics they are tens of thousands of lines, for each of which that makes some ten objects.
 */
export type WriteSamples = (format: Format, view: View) => Iterable<string>;

export type Format = 'text' | 'openMetrics';

/** Of a counter or gauge. */
export function singleSamples({ name, show }: CellMetric, groups: Groups): WriteSamples {
  return function* (_format, view) {
    for (const group of present(groups, view)) {
      const value = figure(group, show, view);
      if (show === 'greatest' && value < 0) continue;
      yield `${name}${labelled(group)} ${value}\n`;
    }
  };
}

/** Of a histogram: cumulative buckets within its own bounds, sum and count. */
export function histogramSamples(
  { name, bounds = [], from }: CellMetric,
  groups: Groups,
  reader: CellReader,
  exemplars: Exemplars,
): WriteSamples {
  const cellBounds = reader.bounds[from[0].family] ?? [];
  const sums = new Float64Array(cellBounds.length + 2);
  const infinite = cellBounds.length;
  // How many of the cells' buckets lie within each shown one; their bounds contain the shown bounds.
  const within = [...bounds.map((bound) => cellBounds.indexOf(bound) + 1), infinite + 1];
  const buckets = [...bounds, '+Inf'].map((bound) => `${name}_bucket{le="${bound}"`);

  return function* (format, view) {
    for (const group of present(groups, view)) {
      group.sumInto(sums, view);
      const noted = format === 'openMetrics' ? exemplars.of(group) : undefined;
      const rest = group.text === '' ? '}' : `,${group.text}}`;
      let text = '';
      let count = 0;
      let next = 0;
      for (let i = 0; i < within.length; i++) {
        while (next < within[i]) count += sums[next++];
        const exemplar = noted?.[i];
        text += `${buckets[i]}${rest} ${count}${exemplar === undefined ? '' : exemplified(exemplar)}\n`;
      }
      const labels = labelled(group);
      yield `${text}${name}_sum${labels} ${sums[infinite + 1]}\n${name}_count${labels} ${count}\n`;
    }
  };
}

/** Groups come and go while it is suspended: none twice, and none that the view does not have. */
export function* present(groups: Groups, view: View): Iterable<Group> {
  for (const group of [...groups]) if (group.isIn(view)) yield group;
}

export function figure(group: Group, show: CellMetric['show'], view: View): number {
  if (show === 'latest') return Number(group.latest(view));
  return show === 'greatest' ? group.greatest(view) : group.total(view);
}

function labelled({ text }: Group): string {
  return text === '' ? '' : `{${text}}`;
}

function exemplified({ labelSet, value, timestamp }: Exemplar): string {
  return ` # {trace_id="${labelSet.trace_id}",span_id="${labelSet.span_id}"} ${value} ${timestamp}`;
}
