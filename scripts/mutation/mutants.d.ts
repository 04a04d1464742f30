/** One small mistake in a source: `replacement` instead of what stands from `start` to `end`. */
export interface Mutant {
    line: number;
    start: number;
    end: number;
    original: string;
    replacement: string;
}
/** All mutants of a TypeScript source, in the order of the text. */
export declare function mutantsOf(source: string): Mutant[];
