import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HAS_PARENT } from '../../src/events/passage.ts';
import { type Awaiting, AwaitingReturn, type Run } from '../../src/proxy/open-messages/awaiting-return.ts';
import { PLAIN_PUBLISH } from '../../src/proxy/open-messages/span-detail.ts';
import { IDS } from '../../src/proxy/open-messages/window.ts';
import type { PublishTally } from '../../src/proxy/ports/observer.ts';
import { MANDATORY, type Publishing, type Returned, SHADOW } from '../../src/proxy/publishing/publish.ts';
import type { Route } from '../../src/proxy/routing/routes.ts';

const LIMIT = 200;
const routes = ['a', 'b'].map((routingKey) => ({ exchange: 'ex', routingKey }) as Route<PublishTally>);

/** A publish as a plain object: what the columns must give back. */
interface Known {
  sequence: number;
  /** how often runs had been sealed before */
  sealed: number;
  route: Route<PublishTally>;
  time: number;
  stamp: number;
  size: number;
  bits: number;
  ids: Uint32Array;
}

const publishing = (known: Known): Publishing => ({
  ...known,
  detail: undefined,
  fault: '',
  idsAt: 0,
  latency: Number.NaN,
});

function idsOf(real: AwaitingReturn, publish: Awaiting): Uint32Array {
  const { ids, idsAt } = real.message(publish, PLAIN_PUBLISH);
  return ids.slice(idsAt, idsAt + IDS);
}

/** As the broker sends it back: with the span of the context it carries. */
function returned({ route, stamp, size, ids, bits }: Known, traced: boolean): Returned {
  const span = (bits & HAS_PARENT) !== 0 ? 6 : 4;
  const context = Uint32Array.of(ids[0], ids[1], ids[2], ids[3], 0, 0, ids[span], ids[span + 1]);
  return { route, stamp, size, ids: traced ? context : undefined, code: 312, reply: 'NO_ROUTE' };
}

/** What runs and single ones say together: counts by route and time. */
const counted = (runs: { route: Route<PublishTally>; time: number; count: number }[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { route, time, count } of runs) {
    const key = `${route.routingKey} ${time}`;
    counts[key] = (counts[key] ?? 0) + count;
  }
  return counts;
};

/** The real one beside a plain list in order. */
class Pair {
  readonly real = new AwaitingReturn(LIMIT);
  known: Known[] = [];
  sequence = 0;
  time = 0;
  sealed = 0;

  seal(): void {
    this.real.seal();
    this.sealed++;
  }

  check(): void {
    expect(this.real.size).toBe(this.known.length);
    const all = [...this.real];
    expect(all.map(({ sequence, size, bits, time, route }) => ({ sequence, size, bits, time, route }))).toEqual(
      this.known.map(({ sequence, size, bits, time, route }) => ({ sequence, size, bits, time, route })),
    );
    for (const [i, each] of all.entries()) {
      expect(idsOf(this.real, each)).toEqual(this.known[i].ids);
    }
  }

  add(gap: number, known: Omit<Known, 'sequence' | 'sealed' | 'time' | 'ids'>, number: number): void {
    this.sequence += 1 + gap;
    const ids = Uint32Array.from({ length: IDS }, (_, i) => number * IDS + i);
    const each = { ...known, sequence: this.sequence, sealed: this.sealed, time: this.time, ids };
    const first = this.known[0]?.sequence ?? this.sequence;
    const kept = this.real.add(publishing(each), this.sequence, ids);
    if (kept) this.known.push(each);
    else expect(this.sequence - first + 1).toBeGreaterThan(2 * LIMIT);
  }

  takeUpTo(last: number): void {
    const runs: Run[] = [];
    this.real.takeUpTo(last, (run) => runs.push(run));
    const gone = this.known.filter(({ sequence }) => sequence <= last);
    this.known = this.known.filter(({ sequence }) => sequence > last);
    expect(counted(runs)).toEqual(counted(gone.map((each) => ({ ...each, count: 1 }))));
    for (const [i, { last, count }] of runs.entries()) {
      const before = runs[i - 1]?.last ?? 0;
      const those = gone.filter(({ sequence }) => sequence > before && sequence <= last);
      expect(those).toHaveLength(count);
      expect(new Set(those.map(({ sealed }) => sealed)).size).toBe(1);
    }
    const largest = Math.max(0, ...gone.map(({ size }) => size));
    expect(Math.max(0, ...runs.map((run) => run.largest))).toBeGreaterThanOrEqual(largest);
  }

  return(which: number): void {
    const wanted = this.known[which % this.known.length];
    const found = this.real.find(returned(wanted, true));
    expect(found?.sequence).toBe(wanted.sequence);
    if (found === undefined) return;
    expect(idsOf(this.real, found)).toEqual(wanted.ids);
    this.real.take(found);
    this.known = this.known.filter((each) => each !== wanted);
    expect(this.real.find(returned(wanted, true))).toBeUndefined();
  }
}

const message = fc.record({
  gap: fc.constantFrom(0, 0, 0, 0, 1, 30),
  route: fc.constantFrom(...routes),
  stamp: fc.constantFrom(1001, 1003, Number.NaN),
  size: fc.constantFrom(0, 100, 5000),
  bits: fc.constantFrom(MANDATORY, MANDATORY | SHADOW, MANDATORY | HAS_PARENT),
});
const step = fc.oneof(
  { weight: 12, arbitrary: fc.array(message, { minLength: 1, maxLength: 30 }).map((add) => ({ add })) },
  { weight: 4, arbitrary: fc.nat(400).map((give) => ({ return: give })) },
  { weight: 2, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }).map((upTo) => ({ upTo })) },
  { weight: 4, arbitrary: fc.constant({ seal: true }) },
  { weight: 4, arbitrary: fc.constant({ tick: true }) },
);

test('every publish that awaits a return is ended once, or found by its return', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pair = new Pair();
      let number = 0;
      for (const each of steps) {
        if ('add' in each) for (const { gap, ...known } of each.add) pair.add(gap, known, ++number);
        else if ('return' in each && pair.known.length > 0) pair.return(each.return);
        else if ('upTo' in each) pair.takeUpTo(Math.floor(pair.sequence * each.upTo));
        else if ('seal' in each) pair.seal();
        else pair.time++;
        pair.check();
      }
      pair.takeUpTo(pair.sequence);
      expect(pair.real.size).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test('without a context, its size tells which one was returned', () => {
  const pair = new Pair();
  const known = { route: routes[0], stamp: 1001, bits: MANDATORY };
  for (const size of [1, 2, 3]) pair.add(0, { ...known, size }, size);
  expect(pair.real.find(returned(pair.known[1], false))?.sequence).toBe(2);
  expect(pair.real.find({ ...returned(pair.known[1], false), size: 4 })).toBeUndefined();
  expect(pair.real.find({ ...returned(pair.known[1], false), stamp: 1002 })).toBeUndefined();
});

test('publishes that all come back leave nothing behind', () => {
  const real = new AwaitingReturn(LIMIT);
  const ids = new Uint32Array(IDS);
  // each a run of its own: beyond twice the limit only if those before are gone
  for (let sequence = 1; sequence <= 10 * LIMIT; sequence++) {
    const known = {
      sequence,
      sealed: 0,
      route: routes[0],
      time: sequence,
      stamp: sequence,
      size: 1,
      bits: MANDATORY,
      ids,
    };
    expect(real.add(publishing(known), sequence, ids)).toBe(true);
    const found = real.find(returned(known, true));
    if (found !== undefined) real.take(found);
    expect(real.size).toBe(0);
  }
});
