import { type Mutant } from './mutants.ts';
/** Of one source: by the places of the mutants in the list that mutantsOf makes of it. */
export interface FileResult {
    /** of the source: mutants of another text are others */
    hash: string;
    mutants: number;
    survived: number[];
    /** not run yet */
    left: number[];
}
export declare const sourceOf: (file: string) => string;
export declare function readResults(): Record<string, FileResult>;
export declare function writeResults(results: Record<string, FileResult>): void;
/** What is known of a source as it is now. */
export declare function resultOf(results: Record<string, FileResult>, file: string): {
    result: FileResult;
    mutants: Mutant[];
};
