import { type Results } from './samples.ts';
/** A line for every goal there are figures for. */
export declare function judge(results: Results): string[];
