import type { Mutant } from './mutants.ts';

/** Mutants that change nothing anybody could see, or nothing a test without a broker can. */
interface Explanation {
  file: string;
  /** part of the line it is on */
  code: string;
  /** what stands there instead; any if left out */
  replacement?: string;
  why: string;
}

const EXPLANATIONS: Explanation[] = [];

export function explained(file: string, line: string, mutant: Mutant): string | undefined {
  return EXPLANATIONS.find(
    (each) =>
      each.file === file && line.includes(each.code) && (each.replacement ?? mutant.replacement) === mutant.replacement,
  )?.why;
}
