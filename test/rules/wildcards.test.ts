import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compilePattern } from '../../src/rules/pattern.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { confirmChannel, text } from '../behaviour/amqplib.ts';

/** Few words, so that they match; empty ones and the wildcards themselves are words too. */
const dotted = fc
  .array(fc.constantFrom('a', 'b', 'long', '', '*', '#'), { maxLength: 7 })
  .map((words) => words.join('.'));
const split = (name: string) => (name === '' ? [] : name.split('.'));

/** By trying every number of words for each `#`. */
function naive([first, ...rest]: string[], words: string[]): boolean {
  if (first === undefined) return words.length === 0;
  if (first === '#') return [...words, ''].some((_, count) => naive(rest, words.slice(count)));
  return words.length > 0 && (first === '*' || first === words[0]) && naive(rest, words.slice(1));
}

const matches = (pattern: string, name: string) => compilePattern(pattern).match(name) !== undefined;

test('wildcards match as trying every possibility does', () => {
  let matching = 0;
  fc.assert(
    fc.property(dotted, dotted, (pattern, name) => {
      const expected = naive(split(pattern), split(name));
      if (expected) matching++;
      expect(matches(pattern, name)).toBe(expected);
    }),
    { numRuns: 3000 },
  );
  // or the property would say little
  expect(matching).toBeGreaterThan(100);
});

test.each([
  ['orders.*', 'orders.created', true],
  ['orders.*', 'orders', false],
  ['orders.*', 'orders.created.eu', false],
  ['orders.#', 'orders', true],
  ['orders.#', 'orders.created.eu', true],
  ['orders.#', 'ordersx', false],
  ['#.eu', 'orders.created.eu', true],
  ['#', '', true],
  ['*', '', false],
  ['*.', 'orders.', true],
  ['orders', 'Orders', false],
])('%s and %s: %s', (pattern, name, expected) => {
  expect(matches(pattern, name)).toBe(expected);
});

test('no pattern takes long on any name: many # do not multiply', () => {
  const pattern = Array.from({ length: 60 }, () => '#.a').join('.');
  expect(matches(`${pattern}.b`, Array.from({ length: 127 }, () => 'a').join('.'))).toBe(false);
});

describe('a topic exchange of the broker', () => {
  let vhost: Vhost;
  beforeAll(async () => {
    vhost = await createVhost();
  });
  afterAll(() => vhost.remove());

  /** All names of up to three words, then longer ones by chance, the same in every run. */
  const some = (words: string[], seed: number): string[] => {
    const short = [1, 2, 3].flatMap((length) =>
      Array.from({ length: words.length ** length }, (_, number) =>
        Array.from({ length }, (_, at) => words[Math.floor(number / words.length ** at) % words.length]).join('.'),
      ),
    );
    return [...new Set(['', ...short, ...fc.sample(dotted, { numRuns: 40, seed })])];
  };

  test('routes to each binding the very keys that the pattern matches', async () => {
    const [patterns, keys] = [some(['a', '*', '#'], 1), some(['a', 'b', ''], 2)];
    const channel = await confirmChannel(vhost.url());
    await channel.assertExchange('topics', 'topic');
    for (const [index, pattern] of patterns.entries()) {
      await channel.assertQueue(`q${index}`);
      await channel.bindQueue(`q${index}`, 'topics', pattern);
    }
    for (const key of keys) channel.publish('topics', key, Buffer.from(key));
    await channel.waitForConfirms();
    for (const [index, pattern] of patterns.entries()) {
      const routed: string[] = [];
      for (;;) {
        const message = await channel.get(`q${index}`, { noAck: true });
        if (message === false) break;
        routed.push(text(message));
      }
      expect({ pattern, routed }).toEqual({ pattern, routed: keys.filter((key) => matches(pattern, key)) });
    }
    expect(patterns.length).toBeGreaterThan(60);
    expect(keys.length).toBeGreaterThan(60);
  });
});
