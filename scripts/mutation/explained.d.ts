import type { Mutant } from './mutants.ts';
export declare function explained(file: string, line: string, mutant: Mutant): string | undefined;
