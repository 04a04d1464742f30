import type { LoadResult } from '../load/load.ts';
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
}
export interface Spread {
    min: number;
    median: number;
    max: number;
}
export declare function spread(values: number[]): Spread;
export type Figure = (result: LoadResult) => number | undefined;
/** A figure's values, one a round. */
export declare function valuesOf(samples: Sample[], figure: Figure): number[];
/** Ratios of a figure to the same of another path, each pair from one round. */
export declare function ratios(samples: Sample[], others: Sample[], figure: Figure): number[];
