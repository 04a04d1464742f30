import { expect, test } from 'vitest';
import { anchorsOf, inBackticks, isThere, textOf } from './pages.ts';

const PAGE = 'docs/broker-facts.md';
const facts = textOf(PAGE)
  .split(/^### /m)
  .slice(1)
  .map((text) => [text.slice(0, text.indexOf('\n')), text] as const);

test.each(facts)('%s: the page says how to see it again, by files that are there', (_, text) => {
  expect(text).toMatch(/_See\s+it:_/);
  const named = inBackticks(text).filter((each) => /^(src|test|bench|testing|docs)\/.*\.\w+$/.test(each));
  expect(named.filter((path) => !isThere(path))).toEqual([]);
});

test('no two facts share a heading', () => {
  expect(new Set(facts.map(([heading]) => heading)).size).toBe(facts.length);
});

test('facts that a broker is asked for: each test names its fact, and each fact that names the tests has one', () => {
  const tests = 'test/broker/facts.test.ts';
  const asked = new Set([...textOf(tests).matchAll(/(?:test\(|\]\)\()\s*'([a-z-]+): /g)].map(([, anchor]) => anchor));
  const named = facts.filter(([, text]) => inBackticks(text).includes(tests));
  expect([...asked].sort()).toEqual(named.flatMap(([heading]) => anchorsOf(`# ${heading}`)).sort());
});
