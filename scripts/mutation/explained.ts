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

const EXPLANATIONS: Explanation[] = [
  {
    file: 'src/proxy/publishing/publish-outcomes.ts',
    code: 'const ROUTED',
    replacement: "'mutated'",
    why: 'a publish has no settlement, and nothing tells one',
  },
  {
    file: 'src/proxy/publishing/publish-outcomes.ts',
    code: 'this.#returns.delete(stretch.first + i)',
    why: 'numbers are used once: what stays is memory of returns, until the channel ends',
  },
];

export function explained(file: string, line: string, mutant: Mutant): string | undefined {
  return EXPLANATIONS.find(
    (each) =>
      each.file === file && line.includes(each.code) && (each.replacement ?? mutant.replacement) === mutant.replacement,
  )?.why;
}
