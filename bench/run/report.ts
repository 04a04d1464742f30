import { turnTables } from '../lockstep/report.ts';
import { type Figure, type Results, ratios, type Sample, type Spread, spread, valuesOf } from './samples.ts';

/** Paths that others are held against. */
const REFERENCES = ['direct', 'traced direct', 'pipe', 'haproxy', 'equal pipe', 'equal haproxy'];

export const figures = {
  throughput: ({ messagesPerSecond }) => messagesPerSecond,
  proxyCpu: ({ cpu }) => cpu.proxy,
  brokerCpu: ({ cpu }) => cpu.broker,
  loadCpu: ({ cpu }) => cpu.load,
  proxyRss: ({ peakRss }) => peakRss.proxy,
  loadRss: ({ peakRss }) => peakRss.load,
  p50: ({ latency }) => latency?.p50,
  p99: ({ latency }) => latency?.p99,
  max: ({ latency }) => latency?.max,
  p999: ({ latency }) => latency?.p999,
} satisfies Record<string, Figure>;

export interface Table {
  title: string;
  head: string[];
  rows: string[][];
}

/** A table for every load of every suite; only columns that hold something. */
export function tables({ samples, turns }: Results): Table[] {
  const groups = Map.groupBy(samples, ({ suite, load }) => `${suite}: ${load}`);
  return [...[...groups].map(([title, of]) => ({ title, ...table(of) })), ...turnTables(turns)];
}

function table(samples: Sample[]): { head: string[]; rows: string[][] } {
  const paths = Map.groupBy(samples, ({ path }) => path);
  const isRate = samples.some(({ result }) => result.latency !== undefined);
  const columns: { head: string; cell: (of: Sample[]) => string }[] = [];
  const add = (head: string, figure: Figure, format: (of: Spread) => string): void => {
    columns.push({ head, cell: (of) => format(spread(valuesOf(of, figure))) });
  };
  const addRatios = (figure: Figure): void => {
    for (const reference of REFERENCES) {
      const others = paths.get(reference);
      if (others === undefined || valuesOf(others, figure).length === 0) continue;
      columns.push({
        head: `vs ${reference}`,
        cell: (of) => (of === others ? '' : ratio(spread(ratios(of, others, figure)))),
      });
    }
  };
  if (isRate) {
    add('p50 µs', figures.p50, range(0));
    addRatios(figures.p50);
    add('p99 µs', figures.p99, range(0));
    addRatios(figures.p99);
    add('p99.9 µs', figures.p999, range(0));
    add('max µs', figures.max, range(0));
  } else {
    add('messages/s', figures.throughput, range(0));
    addRatios(figures.throughput);
  }
  add('CPU µs/message', figures.proxyCpu, range(2));
  addRatios(figures.proxyCpu);
  add('of the broker', figures.brokerCpu, range(1));
  add('of the apps', figures.loadCpu, range(1));
  add('peak RSS MiB', figures.proxyRss, ({ max }) => number(max, 0));
  if (samples.some(({ suite }) => suite === 'instrumentation')) {
    add('peak RSS of the apps', figures.loadRss, ({ max }) => number(max, 0));
  }
  // who drops spans has less to do: it should show
  if (samples.some(({ exported }) => exported > 1_000_000)) {
    columns.push({
      head: 'spans exported MB',
      cell: (of) => number(spread(of.map(({ exported }) => exported / 1e6)).median, 1),
    });
  }
  return {
    head: ['path', ...columns.map(({ head }) => head)],
    rows: [...paths].map(([path, of]) => [path, ...columns.map(({ cell }) => cell(of))]),
  };
}

const number = (value: number, digits: number): string => (Number.isNaN(value) ? '' : value.toFixed(digits));
/** median (min–max) */
const range =
  (digits: number) =>
  ({ min, median, max }: Spread): string =>
    Number.isNaN(median) ? '' : `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
const ratio = ({ median }: Spread): string => (Number.isNaN(median) ? '' : `${median.toFixed(2)}×`);

/** As the terminal shows it, and as Markdown: the same columns, equally wide. */
export function render({ title, head, rows }: Table, markdown: boolean): string {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i].length)));
  const line = (cells: string[]): string => {
    const padded = cells.map((cell, i) => cell.padEnd(widths[i]));
    return markdown ? `| ${padded.join(' | ')} |` : padded.join('  ').trimEnd();
  };
  const rule = widths.map((width) => '-'.repeat(width));
  const body = [line(head), ...(markdown ? [line(rule)] : []), ...rows.map(line)];
  return markdown ? [`**${title}**`, '', ...body].join('\n') : [title, ...body].join('\n');
}

export function renderStartup({ startup }: Results): string {
  const each = Object.entries(startup).map(([path, times]) => `${path} ${number(spread(times).median, 0)} ms`);
  return each.length === 0 ? '' : `start to listening: ${each.join(', ')}`;
}
