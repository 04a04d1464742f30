import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IDS, Window } from '../../src/proxy/open-messages/window.ts';
import type { Route } from '../../src/proxy/routing/routes.ts';

/** What a slot's columns hold for a number: if slots were mixed up, they would show another's. */
const columns = (number: number) => [number * 2, number + 0.5, number % 1000, number % 256, number % 65_536];

/** A window under test beside a plain map from number to what it should hold. */
class Pair {
  readonly real: Window<string>;
  readonly model = new Map<number, string>();
  readonly limit: number;
  highest = 0;

  constructor(limit: number) {
    this.limit = limit;
    this.real = new Window(limit);
  }

  add(number: number): void {
    const slot = this.real.add(number);
    if (this.model.size >= this.limit) {
      expect(slot).toBe(-1);
      return;
    }
    expect(slot).toBeGreaterThanOrEqual(0);
    const { real } = this;
    [real.times[slot], real.stamps[slot], real.sizes[slot], real.bits[slot], real.ids[slot * IDS + 7]] =
      columns(number);
    real.routes[slot] = { topic: String(number) } as Route<string>;
    this.model.set(number, String(number));
    this.highest = number;
  }

  /** The slot is the number's own. */
  check(slot: number, number: number): void {
    const { real } = this;
    const held = [real.times[slot], real.stamps[slot], real.sizes[slot], real.bits[slot], real.ids[slot * IDS + 7]];
    expect([real.routes[slot]?.topic, ...held]).toEqual([String(number), ...columns(number)]);
  }

  find(number: number): void {
    const slot = this.real.find(number);
    expect(slot >= 0).toBe(this.model.has(number));
    if (slot >= 0) this.check(slot, number);
  }

  take(number: number): void {
    const slot = this.real.take(number);
    expect(slot >= 0).toBe(this.model.delete(number));
    if (slot < 0) return;
    this.check(slot, number);
    this.real.release(slot);
    expect([this.real.routes[slot], this.real.details[slot]]).toEqual([undefined, undefined]);
  }

  takeUpTo(last: number): void {
    const taken: number[] = [];
    this.real.takeUpTo(last, (slot, number) => {
      this.check(slot, number);
      taken.push(number);
    });
    const wanted = [...this.model.keys()].filter((number) => number <= last);
    expect(taken).toEqual(wanted);
    for (const number of wanted) this.model.delete(number);
  }

  first(from: number): void {
    expect(this.real.first(from)).toBe([...this.model.keys()].find((number) => number >= from) ?? -1);
  }

  agree(): void {
    expect(this.real.size).toBe(this.model.size);
    if (this.highest > 0) expect(this.real.next).toBe(this.highest + 1);
  }
}

type Step = (pair: Pair) => void;
/** A number in use, or near one, so that commands meet. */
const near = (pair: Pair, at: number): number => {
  const numbers = [...pair.model.keys()];
  return numbers.length === 0 ? at % 50 : numbers[at % numbers.length] + (at % 7 === 0 ? 1 : 0);
};
const gap = fc.oneof(
  { weight: 8, arbitrary: fc.constant(1) },
  { weight: 2, arbitrary: fc.integer({ min: 2, max: 40 }) },
  { weight: 1, arbitrary: fc.integer({ min: 4000, max: 20_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 2 ** 31, max: 2 ** 33 }) },
);
const at = fc.nat(1_000_000);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(gap, fc.integer({ min: 1, max: 30 })).map(
      ([jump, count]): Step =>
        (pair) => {
          for (let i = 0; i < count; i++) pair.add(pair.highest + (i === 0 ? jump : 1));
        },
    ),
  },
  {
    weight: 4,
    arbitrary: at.map(
      (n): Step =>
        (pair) =>
          pair.take(near(pair, n)),
    ),
  },
  {
    weight: 2,
    arbitrary: at.map(
      (n): Step =>
        (pair) =>
          pair.takeUpTo(near(pair, n)),
    ),
  },
  {
    weight: 2,
    arbitrary: at.map(
      (n): Step =>
        (pair) =>
          pair.find(near(pair, n)),
    ),
  },
  {
    weight: 1,
    arbitrary: at.map(
      (n): Step =>
        (pair) =>
          pair.first(near(pair, n)),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Step>((pair) => pair.first(0)) },
  // nothing is open at these
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, -1, Number.NaN, 2 ** 53).map(
      (n): Step =>
        (pair) =>
          pair.take(n),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Step>((pair) => pair.takeUpTo(pair.highest)) },
  // most of them settled, as when one consumer is stuck
  {
    weight: 1,
    arbitrary: fc.integer({ min: 2, max: 9 }).map(
      (keep): Step =>
        (pair) => {
          for (const [i, number] of [...pair.model.keys()].entries()) if (i % keep > 0) pair.take(number);
        },
    ),
  },
);

describe('the window of open messages', () => {
  test('does what a plain map does, whatever comes, in any order', () => {
    const limits = fc.constantFrom(1, 2, 10, 1000);
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 60 }), (limit, steps) => {
        const pair = new Pair(limit);
        for (const each of steps) {
          each(pair);
          pair.agree();
        }
        pair.takeUpTo(Number.MAX_SAFE_INTEGER);
        pair.agree();
      }),
      { numRuns: 500 },
    );
  });

  test('a few old ones stay among millions settled, and cost no room for what was between', () => {
    const pair = new Pair(1000);
    const stuck = [1, 2, 77, 5000, 1_000_000];
    let arrays = 0;
    for (let number = 1; number <= 1_500_000; number++) {
      const slot = pair.real.add(number);
      pair.real.times[slot] = number;
      if (!stuck.includes(number)) pair.real.release(pair.real.take(number));
      arrays = Math.max(arrays, pair.real.times.length);
    }
    expect(pair.real.size).toBe(stuck.length);
    // slots follow what is open at once, not what has passed
    expect(arrays).toBeLessThanOrEqual(16);
    for (const number of stuck) expect(pair.real.times[pair.real.find(number)]).toBe(number);
    expect(pair.real.first()).toBe(1);
    expect(pair.real.first(78)).toBe(5000);
    const taken: number[] = [];
    pair.real.takeUpTo(6000, (_slot, number) => taken.push(number));
    expect(taken).toEqual([1, 2, 77, 5000]);
    expect(pair.real.first()).toBe(1_000_000);
  });

  test('memory follows what is open, not how far its numbers lie apart', () => {
    const bytes = () => {
      global.gc?.();
      return process.memoryUsage().arrayBuffers;
    };
    const before = bytes();
    const windows = Array.from({ length: 50 }, () => {
      const { real } = new Pair(100_000);
      real.add(1);
      for (let number = 1; number < 2 ** 50; number *= 2) real.add(number + 1);
      return real;
    });
    // 51 numbers over 2^50: an array over their span would have no room anywhere
    expect(windows.every(({ size }) => size === 51)).toBe(true);
    expect(bytes() - before).toBeLessThan(50 * 256 * 1024);
  });

  test('is full at its limit, and takes more once one was taken', () => {
    const pair = new Pair(3);
    for (const number of [1, 2, 3, 4]) pair.add(number);
    expect(pair.real.size).toBe(3);
    pair.take(2);
    // 4 found no room and is not known: it must not be found as another's
    pair.find(4);
    pair.add(5);
    pair.agree();
    pair.takeUpTo(5);
  });

  test('one that throws while it is taken is taken all the same, and its slot is free again', () => {
    const { real } = new Pair(2);
    real.add(1);
    real.add(2);
    const fail = () => {
      throw new Error('sink');
    };
    expect(() => real.takeUpTo(2, fail)).toThrow('sink');
    expect([real.find(1), real.size]).toEqual([-1, 1]);
    expect(real.add(3)).toBeGreaterThanOrEqual(0);
  });
});
