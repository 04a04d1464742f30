import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { whole } from '../../src/page/data/steps.ts';
import { bytes, duration, name, percent, rate, short } from '../../src/page/format.ts';
import { sorted } from '../../src/page/parts/sorting.ts';
import { href, parseRoute } from '../../src/page/route.ts';
import { leastSeconds } from '../../src/page/views/least.ts';

describe('figures have three digits and a unit', () => {
  test.each([
    [duration(null), '–'],
    [duration(0), '0 s'],
    [duration(0.00000123), '1.23 µs'],
    [duration(0.0123), '12.3 ms'],
    [duration(0.9999), '1 s'],
    [duration(65.43), '65.4 s'],
    [duration(3700), '1 h 1 min'],
    [rate(0), '0'],
    [rate(0.004), '<0.01'],
    [rate(0.05), '0.05'],
    [rate(3.25), '3.3'],
    [rate(212.4), '212'],
    [rate(12_345), '12.3k'],
    [short(999_999), '1M'],
    [bytes(1023), '1023 B'],
    [bytes(16_777_216), '16 MiB'],
    [percent(0.0042), '0.42 %'],
  ])('%j is %j', (said, expected) => {
    expect(said).toBe(expected);
  });

  test('a share that is not nothing never looks like nothing, nor one that is not all like all', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true, minExcluded: true, maxExcluded: true }), (share) => {
        expect(['0 %', '100 %']).not.toContain(percent(share));
      }),
    );
  });
});

test('no name can turn round, hide or end what stands beside it', () => {
  const FORMATTING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
  expect(name('a\u202eb\n')).toBe('a<U+202E>b<U+000A>');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !FORMATTING.test(name(text))));
});

test('a link to anything comes back as it was', () => {
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((each) => each.isWellFormed());
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 3 }), text, (parts, value) => {
      const { parts: back, query } = parseRoute(href(parts, { topic: value, none: '' }));
      expect(back).toEqual(parts);
      expect([...query]).toEqual([['topic', value]]);
    }),
  );
  expect(parseRoute('#/topic/%').parts).toEqual(['topic', '%']);
});

test('what has no figure comes last, whichever way a table is sorted; what is equal keeps its order', () => {
  const rows = [
    { key: 'c', value: 1 },
    { key: 'a', value: null },
    { key: 'b', value: 1 },
    { key: 'd', value: 2 },
  ];
  const keys = (down: boolean) =>
    sorted(
      rows,
      ({ value }) => value,
      down,
      ({ key }) => key,
    )
      .map(({ key }) => key)
      .join('');
  expect(keys(true)).toBe('dbca');
  expect(keys(false)).toBe('bcda');
});

test.each([
  ['', 0],
  ['250 ms', 0.25],
  ['1.5s', 1.5],
  ['1,5 s', 1.5],
  ['2 min', 120],
  ['3', 3],
  ['100 µs', 0.0001],
])('a least duration of %j is %d seconds', (text, seconds) => {
  expect(leastSeconds(text)).toBeCloseTo(seconds, 9);
});

test.each(['fast', '1 year', '-1 s', '1 s 2'])('%j is no duration', (text) => {
  expect(leastSeconds(text)).toBeUndefined();
});

test('a line ends with its last whole step: what is under way would look like a fall', () => {
  const times = { startAt: 1_000_000, stepMs: 10_000, points: 4 };
  expect(whole(times, 1_035_000).points).toBe(3);
  expect(whole(times, 1_040_000).points).toBe(4);
  expect(whole(times, 1_090_000).points).toBe(4);
  expect(whole({ ...times, points: 1 }, 1_002_000).points).toBe(1);
});
