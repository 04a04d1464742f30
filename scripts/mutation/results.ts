import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Mutant, mutantsOf } from './mutants.ts';
import { ROOT } from './targets.ts';

/** Of one source: by the places of the mutants in the list that mutantsOf makes of it. */
export interface FileResult {
  /** of the source: mutants of another text are others */
  hash: string;
  mutants: number;
  survived: number[];
  /** not run yet */
  left: number[];
}

/** Committed, so that the next run goes on where the last one ended. */
const FILE = join(ROOT, 'docs/mutation.json');

export const sourceOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const hashOf = (source: string): string => createHash('sha256').update(source).digest('hex').slice(0, 16);

export function readResults(): Record<string, FileResult> {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : {};
}

export function writeResults(results: Record<string, FileResult>): void {
  const lines = Object.keys(results)
    .sort()
    .map((file) => `  ${JSON.stringify(file)}: ${JSON.stringify(results[file])}`);
  writeFileSync(FILE, `{\n${lines.join(',\n')}\n}\n`);
}

/** What is known of a source as it is now. */
export function resultOf(results: Record<string, FileResult>, file: string): { result: FileResult; mutants: Mutant[] } {
  const source = sourceOf(file);
  const mutants = mutantsOf(source);
  const hash = hashOf(source);
  const known = results[file];
  if (known?.hash === hash) return { result: known, mutants };
  return { result: { hash, mutants: mutants.length, survived: [], left: mutants.map((_, i) => i) }, mutants };
}
