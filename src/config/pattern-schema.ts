import { z } from 'zod';
import { compilePattern } from '../rules/pattern.ts';
import { PatternError } from '../rules/pattern-error.ts';
import { custom } from './declare.ts';
import { placeholders } from './values.ts';

const expected = "expects a name, or a pattern in quotes, such as 'orders.*' or '/^orders-/'";
/** What a name is compared with; '' is an empty name. */
export const patternText = z.string({ error: expected }).check(({ value, issues }) => {
  const problem = problemOf(() => compilePattern(value));
  // `continue`: where it is one of several kinds of value, this stays the reason that is told
  if (problem !== undefined) issues.push({ ...custom(value, [], problem), continue: true });
});
export const pattern = patternText.min(1, { error: 'is empty; leave it out or give it a value' });
placeholders.add(patternText, { text: 'PATTERN' }).add(pattern, { text: 'PATTERN' });

/** Why a part of a rule can't be used. */
export function problemOf(compile: () => unknown): string | undefined {
  try {
    compile();
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}
