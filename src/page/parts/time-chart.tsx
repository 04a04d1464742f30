import { useMemo, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import type { LineTimes } from '../../api.ts';
import { clock } from '../format.ts';
import { atLeastMinutes, Plot } from './plot.tsx';
import { colour } from './scheme.ts';

export interface Series {
  label: string;
  values: readonly (number | null)[];
  /** property of the style sheet, such as `--series-1` */
  colour: string;
  /** columns rather than a line */
  columns?: boolean;
  /** on an axis of its own that is not drawn: how much it is stands in the legend */
  own?: boolean;
  /** a figure of it, where it is not what the axis says */
  format?: (value: number) => string;
}

/** Pixels: a single column is no wall. */
const MOST_COLUMN = 6;

export interface TimeChartProps {
  label: string;
  times: LineTimes;
  series: readonly Series[];
  /** a figure with its unit */
  format: (value: number) => string;
  height?: number;
  sync?: string;
}

/** Lines over the same times, with what they are at the moment that is pointed at, else at the last. */
export function TimeChart({ label, times, series, format, height = 150, sync }: TimeChartProps) {
  const [pointed, setPointed] = useState<number | null>(null);
  const data = useMemo<uPlot.AlignedData>(() => {
    const at = Array.from({ length: times.points }, (_, i) => (times.startAt + i * times.stepMs) / 1000);
    return [at, ...series.map(({ values }) => values.slice(0, times.points))] as uPlot.AlignedData;
  }, [times, series]);
  const options = () => ({
    scales: { x: { time: true, range: atLeastMinutes }, y: { range: fromZero }, own: { range: low } },
    y: { values: (_: uPlot, ticks: number[]) => ticks.map(format) },
    series: [{}, ...series.map(styled)],
  });
  const index = pointed ?? times.points - 1;
  const seconds = (at: number) => clock(times.startAt + at * times.stepMs, false);
  return (
    <figure>
      <figcaption class="legend">
        {series.map(({ label, colour, values, format: own = format }) => (
          <span key={label}>
            <i style={{ background: `var(${colour})` }} /> {label} <b>{figure(values[index], own)}</b>
          </span>
        ))}
        <span class="at">{pointed === null ? 'now' : seconds(index)}</span>
      </figcaption>
      <Plot label={label} height={height} data={data} options={options} onPoint={setPointed} {...(sync && { sync })} />
    </figure>
  );
}

function styled({ colour: property, columns = false, own = false }: Series): uPlot.Series {
  const stroke = colour(property);
  return {
    scale: own ? 'own' : 'y',
    stroke,
    width: columns ? 0 : 1.5,
    points: { show: false },
    ...(columns ? { fill: stroke, paths: bars } : { fill: faint(stroke) }),
  };
}

const bars: uPlot.Series.PathBuilder = (plot, series, from, to) => {
  const path = new Path2D();
  const scale = plot.series[series].scale as string;
  const floor = plot.valToPos(0, scale, true);
  const step = plot.bbox.width / (plot.data[0].length + 1);
  const width = Math.max(2, Math.min(MOST_COLUMN * devicePixelRatio, step * 0.6));
  for (let i = from; i <= to; i++) {
    const value = plot.data[series][i];
    if (!value) continue;
    const top = plot.valToPos(value, scale, true);
    path.rect(plot.valToPos(plot.data[0][i], 'x', true) - width / 2, top, width, floor - top);
  }
  return { fill: path, stroke: null } as unknown as uPlot.Series.Paths;
};

function faint(colour: string): string {
  return colour.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.08)');
}

/** Their columns reach a third of the height: what they stand before is seen too. */
function low(plot: uPlot, least: number | null, most: number | null): [number, number] {
  const [from, to] = fromZero(plot, least, most);
  return [from, to * 3];
}

/** Always from zero, and never of no height. */
function fromZero(_: uPlot, __: number | null, most: number | null): [number, number] {
  return [0, most === null || most <= 0 ? 1 : most * 1.1];
}

function figure(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? '–' : format(value);
}
