import { PatternError } from './pattern-error.ts';

export interface Expression {
  regexp: RegExp;
  /** capturing groups in order, by name if they have one */
  groups: (string | undefined)[];
}

/** Names are at most 255 bytes long: with two, the dearest match is some 255³/6 steps, a few milliseconds. */
const MOST_OPEN = 2;

/**
 * Compiles what is between the slashes; `flags` is '' or 'i'. Refuses, by its form alone, what
 * could take very long on some name: it would run on the thread that carries the traffic. The
 * check knows the usual accidents and proves nothing beyond them.
 * Throws PatternError.
 */
export function compileExpression(source: string, flags: string): Expression {
  const regexp = compiled(source, `${flags}u`);
  const parts = partsOf(source);
  refuseUnknown(parts);
  refuseNested(parts);
  const anchored = parts[0].text === '^' && !parts.some(({ text, depth }) => text === '|' && depth === 0);
  const open = parts.filter((part, index) => repeats(part) && !endsByItself(parts, index, flags)).length;
  if (open + (anchored ? 0 : 1) > MOST_OPEN)
    throw new PatternError(
      `could take very long on some names: ${anchored ? '' : 'begin it with ^, and '}let what repeats stop at what follows, as in [^.]+\\. in place of .+\\.`,
    );
  return { regexp, groups: parts.filter(({ captures }) => captures).map(({ name }) => name) };
}

function compiled(source: string, flags: string): RegExp {
  try {
    const regexp = new RegExp(source, flags);
    // "too large" is only said when it runs
    regexp.test('');
    return regexp;
  } catch (error) {
    throw new PatternError(`is no regular expression: ${(error as Error).message.replace(/^.*\/[a-z]*: /s, '')}`);
  }
}

/** A piece of the expression: one that matches a character, a parenthesis, `|`, or an assertion. */
interface Part {
  text: string;
  /** how many groups it stands in; parentheses are inside of their own */
  depth: number;
  captures: boolean;
  name: string | undefined;
  /** how often it may follow itself; of a group, noted on both its parentheses */
  min: number;
  max: number;
}

const PART = new RegExp(
  [
    String.raw`(?<part>\((?:\?(?:<(?<name>[^>=!][^>]*)>|<[=!]|[^<:]*[:=!]?))?`,
    String.raw`\\(?:u\{[^}]*\}|u[0-9a-fA-F]{4}|x..|c.|[pP]\{[^}]*\}|k<[^>]*>|.)`,
    String.raw`\[(?:\\.|[^\]\\])*\]|.)`,
  ].join('|') + String.raw`(?<quantifier>[*+?]|\{(?<least>\d+)(?<range>,(?<most>\d*))?\})?\??`,
  'gsu',
);

/** `source` is a valid expression: only the valid forms need to be told apart. */
function partsOf(source: string): Part[] {
  const parts: Part[] = [];
  const open: Part[] = [];
  for (const { groups = {} } of source.matchAll(PART)) {
    const { part: text, name, quantifier, least, range, most } = groups;
    const [min, max] = bounds(quantifier, least, range, most);
    const opens = text[0] === '(';
    const captures = opens && (text === '(' || name !== undefined);
    const part = { text, depth: open.length + (opens ? 1 : 0), captures, name, min, max };
    parts.push(part);
    if (opens) open.push(part);
    else if (text === ')') Object.assign(open.pop() as Part, { min, max });
  }
  return parts;
}

function bounds(quantifier: string | undefined, least: string, range: string | undefined, most: string) {
  if (quantifier === undefined) return [1, 1];
  if (quantifier === '?') return [0, 1];
  if (quantifier === '*') return [0, Number.POSITIVE_INFINITY];
  if (quantifier === '+') return [1, Number.POSITIVE_INFINITY];
  if (range === undefined) return [Number(least), Number(least)];
  return [Number(least), most === '' ? Number.POSITIVE_INFINITY : Number(most)];
}

function refuseUnknown(parts: Part[]): void {
  for (const { text, captures } of parts) {
    if (text.startsWith('(') && !captures && text !== '(?:')
      throw new PatternError('looks ahead or behind, or changes flags, which is not offered');
    if (/^\\[1-9k]/.test(text)) throw new PatternError('refers back to its own captures, which is not offered');
  }
}

/** Repetition or choice within a group that repeats is what makes the time grow exponentially. */
function refuseNested(parts: Part[]): void {
  parts.forEach((group, start) => {
    if (!group.text.startsWith('(') || group.max <= 1) return;
    const end = parts.findIndex(({ text, depth }, index) => index > start && text === ')' && depth === group.depth);
    const inside = parts.slice(start + 1, end);
    if (inside.some(({ text, min, max }) => text === '|' || min !== max))
      throw new PatternError(
        'has a repeated group with repetition or choice inside, which could take very long on some names; expects a flat one, such as [^.]+ or [ab]+',
      );
  });
}

function repeats({ text, min, max }: Part): boolean {
  return max > 1 && min !== max && text !== ')';
}

/** Whether what repeats can only stop in one place: before something that it can't match itself. */
function endsByItself(parts: Part[], index: number, flags: string): boolean {
  const { text } = parts[index];
  if (text.startsWith('(')) return false;
  let next = index + 1;
  while (next < parts.length && isPlainParenthesis(parts, next)) next++;
  if (next === parts.length || parts[next].text === '$') return true;
  const follower = parts[next];
  if (follower.min === 0 || /^(\||\(.*|\)|\^|\\[bB])$/.test(follower.text)) return false;
  return disjoint(text, follower.text, flags);
}

/** One that changes nothing about what comes next: the end of a group that doesn't repeat, the start of one without choice. */
function isPlainParenthesis(parts: Part[], index: number): boolean {
  const { text, depth, min, max } = parts[index];
  if (text === ')') return max <= 1;
  if (!text.startsWith('(') || min !== 1 || max !== 1) return false;
  const end = parts.findIndex((part, other) => other > index && part.text === ')' && part.depth === depth);
  return !parts.slice(index, end).some((part) => part.text === '|' && part.depth === depth);
}

function disjoint(one: string, other: string, flags: string): boolean {
  const [a, b] = [one, other].map((text) => new RegExp(`^${text}$`, `${flags}u`));
  for (let code = 0; code <= 0xffff; code++) {
    const character = String.fromCharCode(code);
    if (a.test(character) && b.test(character)) return false;
  }
  return true;
}
