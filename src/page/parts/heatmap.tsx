import { useMemo, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import type { Heatmap as Counts } from '../../api.ts';
import { clock, count, duration } from '../format.ts';
import { atLeastMinutes, Plot } from './plot.tsx';
import { colour } from './scheme.ts';

/** Buckets from the first to the last that hold anything, and one more on either side. */
function used({ counts, bounds }: Counts): { low: number; high: number } {
  let [low, high] = [bounds.length, 0];
  for (const column of counts) {
    for (const [bucket, value] of column.entries()) {
      if (value === 0) continue;
      low = Math.min(low, bucket);
      high = Math.max(high, bucket);
    }
  }
  return low > high
    ? { low: 0, high: bounds.length }
    : { low: Math.max(0, low - 1), high: Math.min(bounds.length, high + 1) };
}

/** How long messages took, by time: the darker, the more of them. */
export function Heatmap({ map, label, sync }: { map: Counts; label: string; sync: string }) {
  const { times, bounds, counts } = map;
  const [pointed, setPointed] = useState<number | null>(null);
  // the plot is made once, and paints what is newest
  const latest = useRef(map);
  latest.current = map;
  const data = useMemo<uPlot.AlignedData>(() => {
    const at = Array.from({ length: times.points }, (_, i) => (times.startAt + i * times.stepMs) / 1000);
    return [at, at.map(() => null)];
  }, [map]);
  const rows = (): [number, number] => {
    const { low, high } = used(latest.current);
    return [low, high + 1];
  };
  const options = () => {
    const fill = colour('--heat');
    return {
      scales: { x: { time: true, range: atLeastMinutes }, y: { range: rows } },
      series: [{}, { scale: 'y' }],
      hooks: { draw: [(plot: uPlot) => paint(plot, latest.current, fill)] },
      y: {
        // a bucket's upper bound stands at its upper edge
        splits: () => edges(rows()),
        values: (_: uPlot, places: number[]) =>
          places.map((place) => (place < 1 || place > bounds.length ? '' : duration(bounds[place - 1]))),
      },
    };
  };
  const total = counts.flat().reduce((sum, value) => sum + value, 0);
  return (
    <figure>
      <figcaption class="legend">
        <span>{pointed === null ? `${count(total)} messages in 15 minutes` : columnText(map, pointed)}</span>
      </figcaption>
      <Plot label={label} height={190} data={data} options={options} onPoint={setPointed} sync={sync} />
    </figure>
  );
}

/** Not more lines than can be read. */
function edges([low, high]: [number, number]): number[] {
  const step = Math.max(1, Math.ceil((high - low) / 8));
  const all: number[] = [];
  for (let edge = low; edge <= high; edge += step) all.push(edge);
  return all;
}

function columnText({ times, bounds, counts }: Counts, index: number): string {
  const column = counts[index] ?? [];
  const sum = column.reduce((total, value) => total + value, 0);
  const at = clock(times.startAt + index * times.stepMs, false);
  if (sum === 0) return `${at}: none`;
  const most = column.indexOf(Math.max(...column));
  const from = most === 0 ? '0' : duration(bounds[most - 1]);
  const range = most === bounds.length ? `over ${from}` : `${from} to ${duration(bounds[most])}`;
  return `${at}: ${count(sum)} messages, most of them ${range}`;
}

/** The more messages, the less light shines through; few are still seen beside many, hence the root. */
function paint(plot: uPlot, { times, counts }: Counts, fill: string): void {
  const { ctx } = plot;
  const most = Math.max(1, ...counts.flat());
  const width =
    plot.valToPos((times.startAt + times.stepMs) / 1000, 'x', true) - plot.valToPos(times.startAt / 1000, 'x', true);
  ctx.save();
  ctx.beginPath();
  ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
  ctx.clip();
  ctx.fillStyle = fill;
  for (const [i, column] of counts.entries()) {
    const left = plot.valToPos((times.startAt + i * times.stepMs) / 1000, 'x', true) - width / 2;
    for (const [bucket, value] of column.entries()) {
      if (value === 0) continue;
      const [top, bottom] = [plot.valToPos(bucket + 1, 'y', true), plot.valToPos(bucket, 'y', true)];
      ctx.globalAlpha = 0.12 + 0.88 * Math.sqrt(value / most);
      ctx.fillRect(left + 0.5, top + 0.5, Math.max(1, width - 1), Math.max(1, bottom - top - 1));
    }
  }
  ctx.restore();
}
