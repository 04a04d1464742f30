import { compileExpression } from './expression.ts';
import { PatternError } from './pattern-error.ts';
import { wordsMatch, wordsOf } from './words.ts';

/** What a name is compared with. */
export interface Pattern {
  /** its capturing groups in order, by name if they have one; none unless it is a regular expression */
  readonly groups: readonly (string | undefined)[];
  /** What the groups captured, '' for those that took no part; undefined: `name` does not match. */
  match(name: string): readonly string[] | undefined;
}

/** No captures. */
export const NOTHING: readonly string[] = [];

/**
 * `/…/` or `/…/i` is a regular expression, found anywhere in a name unless anchored; text with `*`
 * or `#` for whole words is matched as a topic exchange would; any other text is the name itself.
 * Throws PatternError.
 */
export function compilePattern(text: string): Pattern {
  const expression = /^\/(.*)\/([dgimsuvy]*)$/s.exec(text);
  if (expression) return matchExpression(expression[1], expression[2]);
  if (!/[*#]/.test(text)) return { groups: [], match: (name) => (name === text ? NOTHING : undefined) };
  const words = wordsOf(text);
  if (words.some((word) => word.length > 1 && /[*#]/.test(word)))
    throw new PatternError(
      'has * or # beside other characters, but they stand for whole words between dots; expects a regular expression for that, such as /^orders-/',
    );
  return { groups: [], match: (name) => (wordsMatch(words, wordsOf(name)) ? NOTHING : undefined) };
}

function matchExpression(source: string, flags: string): Pattern {
  if (source === '') throw new PatternError('is an empty regular expression; expects something between its slashes');
  if (flags !== '' && flags !== 'i') throw new PatternError('has unknown flags; regular expressions know only i');
  const { regexp, groups } = compileExpression(source, flags);
  return {
    groups,
    match(name) {
      const found = regexp.exec(name);
      if (found === null) return undefined;
      return groups.length === 0 ? NOTHING : found.slice(1).map((captured) => captured ?? '');
    },
  };
}
