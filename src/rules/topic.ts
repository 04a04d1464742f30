import { PatternError } from './pattern-error.ts';

/** Puts what the patterns of a rule captured, in their order, into its topic. */
export type TopicOf = (captures: readonly string[]) => string;

/**
 * `$1` or `${1}` is the first capture, counted through all patterns of the rule; `${name}` the one
 * of that name; `$$` a dollar sign. `groups`: of each pattern, its groups in order.
 * Throws PatternError.
 */
export function compileTopic(text: string, groups: readonly (readonly (string | undefined)[])[]): TopicOf {
  const all = groups.flat();
  const parts = text.split(/(\$(?:\$|\d+|\{[^}]*\}))/).map((part, index): string | number[] => {
    if (index % 2 === 0) return part;
    if (part === '$$') return '$';
    const key = part.replace(/[${}]/g, '');
    const found = /^\d+$/.test(key) ? numbered(key, all.length) : named(key, groups);
    if (typeof found === 'string') throw new PatternError(`refers to ${part}, but ${found}`);
    return found;
  });
  return (captures) =>
    parts.map((part) => (typeof part === 'string' ? part : part.map((index) => captures[index]).join(''))).join('');
}

function numbered(key: string, count: number): number[] | string {
  const index = Number(key) - 1;
  if (index >= 0 && index < count) return [index];
  if (count === 0) return `no regular expression of the rule captures anything; ${itself}`;
  return `the rule's regular expressions capture ${count}, counted from $1`;
}

/** More than one index is of alternatives, of which only one takes part. */
function named(key: string, groups: readonly (readonly (string | undefined)[])[]): number[] | string {
  const known = new Set(groups.flat().filter((name) => name !== undefined));
  if (groups.filter((names) => names.includes(key)).length > 1)
    return 'two regular expressions have a group of that name';
  const found = groups.flat().flatMap((name, index) => (name === key ? [index] : []));
  if (found.length > 0) return found;
  return known.size > 0
    ? `the rule's groups are named ${[...known].join(', ')}`
    : `no regular expression of the rule has a group of that name; ${itself}`;
}

const itself = 'a dollar sign itself is $$';
