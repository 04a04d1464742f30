import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePattern } from '../../src/rules/pattern.ts';
import { PatternError } from '../../src/rules/pattern-error.ts';

const matches = (pattern: string, name: string) => compilePattern(pattern).match(name) !== undefined;

test('plain text is the whole name, letter by letter', () => {
  const plain = fc.string({ unit: 'grapheme' }).filter((text) => !/[*#]|^\/.*\//s.test(text));
  fc.assert(
    fc.property(plain, fc.string({ unit: 'grapheme' }), (pattern, name) => {
      expect(matches(pattern, name)).toBe(pattern === name);
      expect(matches(pattern, pattern)).toBe(true);
    }),
  );
  expect(matches('', '')).toBe(true);
  expect(matches('/', '/')).toBe(true);
  expect(matches('/prod/eu', '/prod/eu')).toBe(true);
});

describe('between slashes: a regular expression', () => {
  test.each([
    ['/^orders-/', 'orders-eu', true],
    ['/^orders-/', 'my-orders-eu', false],
    ['/orders/', 'my-orders-eu', true],
    ['/^a/b$/', 'a/b', true],
    ['/^ORDERS$/i', 'orders', true],
    ['/^ORDERS$/', 'orders', false],
    ['/^.$/', '🐇', true],
  ])('%s and %s: %s', (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected);
  });

  test('what it captures comes in order, empty where a group took no part', () => {
    const pattern = compilePattern('/^(?<kind>[a-z]+)(?:-(eu|us))?-(?<id>[0-9]+)$/');
    expect(pattern.groups).toEqual(['kind', undefined, 'id']);
    expect(pattern.match('orders-eu-7')).toEqual(['orders', 'eu', '7']);
    expect(pattern.match('orders-7')).toEqual(['orders', '', '7']);
    expect(pattern.match('orders')).toBeUndefined();
  });

  test('parentheses that are escaped or in a class capture nothing', () => {
    expect(compilePattern('/^\\((?:[()]|\\u{28})(\\p{L})$/').groups).toEqual([undefined]);
  });
});

describe('refused, in words', () => {
  test.each([
    ['orders-*', 'has * or # beside other characters'],
    ['a.#b', 'has * or # beside other characters'],
    ['worker #3', 'has * or # beside other characters'],
    ['**', 'has * or # beside other characters'],
    ['//', 'is an empty regular expression'],
    ['/a/g', 'has unknown flags'],
    ['/a/ii', 'has unknown flags'],
    ['/(/', 'is no regular expression: Unterminated group'],
    ['/a{2,1}/', 'is no regular expression: numbers out of order'],
    ['/\\-/', 'is no regular expression: Invalid escape'],
    ['/(a)\\1/', 'refers back'],
    ['/(?<a>a)\\k<a>/', 'refers back'],
    ['/(?=a)/', 'looks ahead or behind'],
    ['/(?<!a)b/', 'looks ahead or behind'],
    ['/(?i:a)/', 'looks ahead or behind, or changes flags'],
  ])('%s', (pattern, message) => {
    expect(() => compilePattern(pattern)).toThrow(PatternError);
    expect(() => compilePattern(pattern)).toThrow(message);
  });

  test('no text makes it throw anything else', () => {
    const piece = fc.constantFrom(
      '(',
      ')',
      '[',
      ']',
      '(?:',
      '(?<a>',
      '|',
      '*',
      '+',
      '?',
      '{2,}',
      '\\',
      '^',
      '$',
      '.',
      'a',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}/`),
    );
    fc.assert(
      fc.property(text, fc.string(), (pattern, name) => {
        try {
          const { groups, match } = compilePattern(pattern);
          const captures = match(name);
          if (captures !== undefined) expect(captures).toHaveLength(groups.length);
        } catch (error) {
          expect(error).toBeInstanceOf(PatternError);
          expect((error as Error).message).toMatch(/^[^\n]+$/);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('an expression that could take very long', () => {
  test.each([
    ['nested repetition', '/^(a+)+$/'],
    ['nested, fixed count', '/^(?:[a-z]+){12}$/'],
    ['nested in a group', '/^((a*))*$/'],
    ['choice in repetition', '/^(a|a)*$/'],
    ['optional in repetition', '/^(?:a?b?)*$/'],
    ['many open ends', '/^.*a.*b.*c$/'],
    ['open ends, nowhere to begin', '/.+-.+-/'],
    ['one after the other', '/^a*a*a*a*b/'],
    ['open end before an alternative', '/^(?:.*a|.*b|.*c)x/'],
    ['anchored in one alternative only', '/^a|.*b.*c/'],
    ['classes that overlap', '/^\\w+[a-z]+\\d+[0-9]+[^a-z]+-/'],
    ['overlap through case only', '/^[a-z]+A[a-z]+B[a-z]+C/i'],
  ])('is refused: %s', (_, pattern) => {
    expect(() => compilePattern(pattern)).toThrow('could take very long on some names');
  });

  test.each([
    ['words', '/^([^.]+)\\.([^.]+)\\.([^.]+)\\.([^.]+)\\.([^.]+)$/'],
    ['different classes', '/^([a-z]+)(\\d+)-([a-z]+)(\\d+)-v(\\d+)$/'],
    ['optional end', '/^orders(?:\\.([^.]+))?$/'],
    ['two open ends', '/^(.*)-(.*)-(.*)$/'],
    ['found anywhere', '/-retry-\\d+$/'],
    ['choice', '/^(?:created|updated|deleted)\\.(.+)$/'],
    ['repeated text', '/^(?:ab)+$/'],
    ['counted', '/^[0-9a-f]{8}-[0-9a-f]{4}$/'],
    ['classes disjoint but for case', '/^[a-z]+A[a-z]+B[a-z]+C/'],
    ['group in between', '/^([a-z]+)(?:-([0-9]+))-(?<last>[a-z]+)-x$/'],
  ])('and one that could not is not: %s', (_, pattern) => {
    expect(() => compilePattern(pattern)).not.toThrow();
  });
});
