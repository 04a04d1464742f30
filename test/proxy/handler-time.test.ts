import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HandlerTime } from '../../src/proxy/delivering/handler-time.ts';
import type { DeliveryTally } from '../../src/proxy/ports/observer.ts';

interface Message {
  /** ms */
  cameAt: number;
  beganAt: number;
  settledAt: number;
}

interface Workload {
  prefetch: number;
  workers: number;
  messages: { gap: number; takes: number }[];
}

interface Told {
  waited: number;
  worked: number;
}

/** What became of each message, in an app with so many workers and a broker that is as quick as can be. */
function simulate({ prefetch, workers, messages }: Workload): Message[] {
  const done: Message[] = [];
  const free: number[] = Array(workers).fill(0);
  let published = 0;
  for (const [i, { gap, takes }] of messages.entries()) {
    published += gap;
    // so many may be open at once: the broker waits until enough are settled
    const settled = done.map(({ settledAt }) => settledAt).sort((a, b) => a - b);
    const cameAt = Math.max(published, i < prefetch ? 0 : settled[i - prefetch]);
    free.sort((a, b) => a - b);
    const beganAt = Math.max(cameAt, free[0]);
    free[0] = beganAt + takes;
    done.push({ cameAt, beganAt, settledAt: beganAt + takes });
  }
  return done;
}

/** Tells a channel of them in the order of time, as the sidecar would. By number of the message, what it said. */
function tell(messages: Message[], prefetch: number): Map<number, Told> {
  const handling = new HandlerTime();
  handling.prefetch = prefetch;
  const told = new Map<number, Told>();
  const open = new Set<number>();
  const events = messages.flatMap(({ cameAt, settledAt }, number) => [
    { at: settledAt, number, settles: true },
    { at: cameAt, number, settles: false },
  ]);
  // where both happen at one time, what was settled made room for what came
  events.sort((a, b) => a.at - b.at || Number(b.settles) - Number(a.settles) || a.number - b.number);
  for (const { at, number, settles } of events) {
    if (!settles) {
      handling.came(number, 1, open.size);
      open.add(number);
      continue;
    }
    const tally = {
      handled: (waited: number, worked: number) => told.set(number, { waited: 1000 * waited, worked: 1000 * worked }),
    };
    if (Math.min(...open) < number) handling.overtook(at);
    else handling.settled(number, 1, messages[number].cameAt, open.size, at, tally as unknown as DeliveryTally);
    open.delete(number);
  }
  return told;
}

function expectTrue(messages: Message[], told: Map<number, Told>): void {
  for (const [number, { waited, worked }] of told) {
    const { cameAt, beganAt, settledAt } = messages[number];
    expect(waited, `wait of ${number}`).toBeCloseTo(beganAt - cameAt, 6);
    expect(worked, `handler of ${number}`).toBeCloseTo(settledAt - beganAt, 6);
  }
}

const ms = (least: number, most: number) => fc.double({ min: least, max: most, noNaN: true });
const workload = (workers: fc.Arbitrary<number>): fc.Arbitrary<Workload> =>
  fc.record({
    prefetch: fc.constantFrom(1, 2, 5, 10, 100),
    workers,
    messages: fc.array(fc.record({ gap: ms(0, 30), takes: ms(5, 40) }), { minLength: 300, maxLength: 400 }),
  });

test('with one worker, whatever is told is true', () => {
  fc.assert(
    fc.property(workload(fc.constant(1)), (load) => {
      const messages = simulate(load);
      expectTrue(messages, tell(messages, load.prefetch));
    }),
    { numRuns: 60 },
  );
});

test('with one worker that always has something to do, all is told but for the first', () => {
  for (const prefetch of [1, 2, 10, 100]) {
    const messages = simulate({
      prefetch,
      workers: 1,
      messages: Array.from({ length: 400 }, (_, i) => ({ gap: 0, takes: 10 + (i % 7) })),
    });
    const told = tell(messages, prefetch);
    expect(told.size, `prefetch ${prefetch}`).toBeGreaterThanOrEqual(prefetch === 1 ? 400 : 336);
    expectTrue(messages, told);
  }
});

test('with several workers, whatever is told is true, and what can’t be known is not told', () => {
  fc.assert(
    fc.property(workload(fc.integer({ min: 2, max: 20 })), (load) => {
      const messages = simulate(load);
      expectTrue(messages, tell(messages, load.prefetch));
    }),
    { numRuns: 60 },
  );
});

test.each([
  ['all at once', 0],
  ['one by one', 10],
  ['now and then, several at a time', 30],
])('workers that all take the same time and so never overtake each other are not taken for one: %s', (_, gap) => {
  for (const prefetch of [5, 10, 100]) {
    const messages = simulate({ prefetch, workers: 100, messages: Array(600).fill({ gap, takes: 100 }) });
    expectTrue(messages, tell(messages, prefetch));
  }
});
