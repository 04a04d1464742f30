import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BucketLayout, SCALE, ZERO_BUCKET, ZERO_THRESHOLD } from '../../src/telemetry/metrics/bucket-layout.ts';
import { CellStore, valuesOf } from '../../src/telemetry/metrics/cells.ts';
import { ADDED_BOUNDS, OTEL_BOUNDS } from '../../src/telemetry/metrics/families.ts';

const PER_OCTAVE = 2 ** SCALE;
const GREATEST = 22 * PER_OCTAVE;

/** The explicit bucket of a value, and the exponential one, by their definitions. */
function byDefinition(explicit: readonly number[], value: number): [number, number] {
  const at = explicit.findIndex((bound) => value <= bound);
  const isIn = (index: number): boolean =>
    value > 2 ** (index / PER_OCTAVE) && value <= 2 ** ((index + 1) / PER_OCTAVE);
  let index = ZERO_BUCKET;
  if (value > ZERO_THRESHOLD) {
    index = ZERO_BUCKET + 1;
    while (index < GREATEST && !isIn(index)) index++;
  }
  return [at < 0 ? explicit.length : at, index];
}

describe.each<[string, readonly number[]]>([
  ['the default bounds of durations', OTEL_BOUNDS],
  ['bounds from microseconds on', ADDED_BOUNDS],
  ['bounds below and beyond all exponential ones', [1e-9, 2 ** -20, 1, 1e9]],
  ['a single bound', [0.1]],
])('with %s', (_, bounds) => {
  const layout = new BucketLayout(bounds);
  const find = (value: number): [number, number] => {
    const bucket = layout.find(value);
    return [layout.explicitOf[bucket], layout.indexOf[bucket]];
  };

  test('a value lies in the buckets that both kinds of histogram say', () => {
    const seconds = fc.oneof(
      fc.double({ min: 0, max: 20, noNaN: true }),
      fc.double({ min: 0, max: 1e8, noNaN: true }),
      fc.integer({ min: -340, max: 400 }).map((index) => 2 ** (index / PER_OCTAVE)),
      fc.constantFrom(...bounds, ...bounds.map((bound) => bound * (1 + 2 ** -52)), 0, 1e-12),
    );
    fc.assert(
      fc.property(seconds, (value) => {
        expect(find(value)).toEqual(byDefinition(bounds, value));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([Number.NaN, -1, -0])('%d counts in the first bucket', (value) => {
    expect(layout.find(value)).toBe(0);
  });
});

test('what was counted is read from the cells, and no chunk is taken where nothing was', () => {
  const store = new CellStore({ latency: OTEL_BOUNDS }, { postMessage() {} }, 10_000);
  const layout = store.layouts.latency as BucketLayout;
  const at = store.allocate('latency', ['t', 'p']);
  const before = store.cells[0];
  store.observe(at, layout, 0.02, 3);
  store.observe(at, layout, 0.0201, 1);
  expect(store.cells[0] - before).toBe(32);
  store.observe(at, layout, 1000, 1);
  expect(store.cells[0] - before).toBe(64);
  const values = valuesOf(store.cells, at, layout);
  expect(values.reduce((sum, each) => sum + each)).toBeCloseTo(5 + 1000.0801);
  expect(values[layout.find(0.02)]).toBeGreaterThanOrEqual(3);
  expect(values[layout.find(1000)]).toBe(1);
});

test('chunks of a freed series are used again, from zero', () => {
  const store = new CellStore({ latency: OTEL_BOUNDS }, { postMessage() {} }, 10_000);
  const layout = store.layouts.latency as BucketLayout;
  const first = store.allocate('latency', ['a', 'p']);
  store.observe(first, layout, 0.5, 7);
  const used = store.cells[0];
  store.free(first);
  store.recycle();
  const second = store.allocate('latency', ['b', 'p']);
  expect(valuesOf(store.cells, second, layout).every((count) => count === 0)).toBe(true);
  store.observe(second, layout, 1, 2);
  expect(store.cells[0]).toBe(used);
  expect(valuesOf(store.cells, second, layout)[layout.find(1)]).toBe(2);
  expect(valuesOf(store.cells, second, layout)[layout.find(0.5)]).toBe(0);
});

test('where there is no room for a chunk, no other series counts what belongs there', () => {
  const posted: unknown[] = [];
  const small = new CellStore({ latency: OTEL_BOUNDS }, { postMessage: (message) => posted.push(message) }, 120);
  const layout = small.layouts.latency as BucketLayout;
  const at = small.allocate('latency', ['a', 'p']);
  for (const seconds of [0.001, 0.01, 0.1, 1, 10, 100]) small.observe(at, layout, seconds, 1);
  const values = valuesOf(small.cells, at, layout).slice(0, -1);
  const counted = values.reduce((sum, each) => sum + each, 0);
  const [, dropped] = posted as [unknown, { cell: number }];
  expect(counted + small.cells[dropped.cell]).toBe(6);
  const spilled = small.allocate('latency', ['b', 'p']);
  small.observe(spilled, layout, 1, 5);
  expect(valuesOf(small.cells, at, layout).slice(0, -1)).toEqual(values);
});
