import type { Table } from '../run/report.ts';
import { spread } from '../run/samples.ts';
import { BUSY } from './loads.ts';
import type { TurnSample } from './measure.ts';

/** Paths that others are held against; the last one only by another build of it. */
const REFERENCES = ['haproxy', 'equal haproxy', 'bypass', 'tracehare'];

/** CPU of a turn of k messages: a, whatever k is (two wake-ups, with what they read and write), and b for each message. */
export interface Line {
  a: number;
  b: number;
}

/**
 * The line through these points by least squares of what it misses each by, in shares of it: what the machine swings by
 * grows with the figure.
 */
export function lineThrough(points: readonly { size: number; cpu: number }[]): Line {
  let [w, wx, wy, wxx, wxy] = [0, 0, 0, 0, 0];
  for (const { size, cpu } of points) {
    const weight = 1 / (cpu * cpu);
    w += weight;
    wx += weight * size;
    wy += weight * cpu;
    wxx += weight * size * size;
    wxy += weight * size * cpu;
  }
  const b = (w * wxy - wx * wy) / (w * wxx - wx * wx);
  return { a: (wy - b * wx) / w, b };
}

/** A table for every load: medians and the least of a turn's CPU, the line through the medians, and ratios where it is busy. */
export function turnTables(samples: readonly TurnSample[]): Table[] {
  return [...Map.groupBy(samples, ({ load }) => load)].map(([load, of]) => ({
    title: `lock-step: ${load}`,
    ...table(of),
  }));
}

function table(samples: TurnSample[]): Omit<Table, 'title'> {
  const paths = [...Map.groupBy(samples, ({ path }) => path)];
  const sizes = [...new Set(samples.map(({ size }) => size))].sort((a, b) => a - b);
  const isHeld = (name: string): boolean => paths.some(([path]) => path === `${name}, other`);
  const references = REFERENCES.filter(
    (name) => paths.some(([path]) => path === name) && (name !== 'tracehare' || isHeld(name)),
  );
  const hasLine = sizes.length > 1;
  const rows = paths.map(([path, of]) => {
    const points = sizes.map((size) => ({ size, ...spread(cpuOf(of, size)) }));
    const { a, b } = lineThrough(points.map(({ size, median }) => ({ size, cpu: median })));
    return [
      path,
      ...points.map(({ median, min }) => `${median.toFixed(1)} (${min.toFixed(1)})`),
      ...(hasLine ? [a.toFixed(1), b.toFixed(3)] : []),
      ...references.map((name) => (name === path ? '' : ratioText(samples, path, name))),
    ];
  });
  const head = ['path', ...sizes.map((size) => `k = ${size}, µs a turn`), ...(hasLine ? ['a', 'b'] : [])];
  return { head: [...head, ...references.map((name) => `k = ${BUSY} vs ${name}`)], rows };
}

const cpuOf = (samples: readonly TurnSample[], size: number): number[] =>
  samples.filter((sample) => sample.size === size).map(({ cpu }) => cpu);

/** Of a path to another under the same load, where a turn has `BUSY` messages: each pair from one round. */
export function turnRatios(samples: readonly TurnSample[], path: string, other: string): number[] {
  const busy = samples.filter(({ size }) => size === BUSY);
  return busy
    .filter((sample) => sample.path === path)
    .flatMap(({ round, cpu }) => {
      const its = busy.find((sample) => sample.path === other && sample.round === round);
      return its === undefined ? [] : [cpu / its.cpu];
    });
}

/** The median of the pairs, and the least of the one to the least of the other. */
function ratioText(samples: readonly TurnSample[], path: string, other: string): string {
  const { median } = spread(turnRatios(samples, path, other));
  const least = (name: string): number =>
    spread(
      cpuOf(
        samples.filter((sample) => sample.path === name),
        BUSY,
      ),
    ).min;
  return Number.isNaN(median) ? '' : `${median.toFixed(2)}× (${(least(path) / least(other)).toFixed(2)}×)`;
}
