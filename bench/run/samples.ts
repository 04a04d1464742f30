import type { LoadResult } from '../load/load.ts';
import type { TurnSample } from '../lockstep/measure.ts';

/** One load on one path, once. */
export interface Sample {
  suite: string;
  load: string;
  path: string;
  /** figures of the same round are comparable with each other */
  round: number;
  result: LoadResult;
  /** bytes of spans that reached the endpoint meanwhile, warming up included */
  exported: number;
}

/** What a run leaves in bench/results. */
export interface Results {
  /** when, where and with what */
  about: Record<string, string | number | boolean>;
  /** milliseconds from start to listening, by path */
  startup: Record<string, number[]>;
  samples: Sample[];
  /** in lock-step with a scripted broker */
  turns: TurnSample[];
}

export interface Spread {
  min: number;
  median: number;
  max: number;
}

export function spread(values: number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  return {
    min: sorted[0] ?? Number.NaN,
    median: sorted.length > 0 ? median : Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
  };
}

export type Figure = (result: LoadResult) => number | undefined;

/** A figure's values, one a round. */
export function valuesOf(samples: Sample[], figure: Figure): number[] {
  return samples.map(({ result }) => figure(result)).filter((value) => value !== undefined);
}

/** Ratios of a figure to the same of another path, each pair from one round. */
export function ratios(samples: Sample[], others: Sample[], figure: Figure): number[] {
  return samples.flatMap(({ round, result }) => {
    const other = others.find((each) => each.round === round);
    const [mine, its] = [figure(result), other && figure(other.result)];
    return mine === undefined || its === undefined ? [] : [mine / its];
  });
}
