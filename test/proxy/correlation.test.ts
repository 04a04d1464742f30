import { expect, test } from 'vitest';
import { ContentHeader } from '../../src/amqp/content.ts';
import { Calls } from '../../src/proxy/correlation/calls.ts';
import { correlationMemory } from '../../src/proxy/correlation/correlation-memory.ts';
import { Handling } from '../../src/proxy/correlation/handling.ts';
import { observedHeaders } from '../../src/proxy/ports/interceptor.ts';
import type { PublishTally, TrafficTally } from '../../src/proxy/ports/observer.ts';
import type { Route } from '../../src/proxy/routing/routes.ts';
import type { BucketLayout } from '../../src/telemetry/metrics/bucket-layout.ts';
import { CellStore } from '../../src/telemetry/metrics/cells.ts';
import { OwnPast } from '../../src/telemetry/recording/slowness.ts';
import { encodeHeader, short } from '../../testing/wire.ts';

const SECOND = 1_000_000;

/** The content header of a message with these properties. */
function headerOf({ correlationId = '', replyTo = '' }): ContentHeader {
  const header = new ContentHeader(observedHeaders);
  const properties = [correlationId, replyTo].filter((value) => value !== '');
  const flags = (correlationId === '' ? 0 : 0x0400) | (replyTo === '' ? 0 : 0x0200);
  const frame = encodeHeader({
    channel: 1,
    classId: 60,
    weight: 0,
    bodySize: 0n,
    flags: [flags],
    before: Buffer.alloc(0),
    entries: undefined,
    after: Buffer.concat(properties.map(short)),
  });
  expect(header.read(frame, 0, frame.length)).toBe(true);
  return header;
}

/** Two threads with one memory, and what they count. */
function threads() {
  const counted = { limited: 0, replied: [] as number[], missing: 0, late: 0 };
  const traffic = { correlationLimited: () => counted.limited++ } as unknown as TrafficTally;
  const tally = {
    replied: (seconds: number) => counted.replied.push(seconds),
    replyMissing: () => counted.missing++,
    repliedLate: () => counted.late++,
  } as unknown as PublishTally;
  const memory = correlationMemory();
  const [asking, answering] = [0, 1].map((thread) => new Calls(memory, thread, traffic).questions);
  const vhost = asking.vhost('/');
  return {
    counted,
    asking,
    answering,
    ask: (correlationId: string, at: number) =>
      asking.asked(vhost, 1, 1, headerOf({ correlationId, replyTo: 'replies' }), tally, at),
    listen: () => answering.listens(answering.address(vhost, 'replies', 2, 1), 0),
    answer: (correlationId: string, at: number, of = answering) =>
      of.answered(
        vhost,
        of.address(vhost, 'replies', 2, 1),
        { routingKey: '', queue: '' } as Route<unknown>,
        headerOf({ correlationId }),
        at,
      ),
  };
}

test('an answer on another thread is counted once, by the thread that saw its question', () => {
  const { ask, answer, asking, counted } = threads();
  ask('a', 10 * SECOND);
  answer('a', 12 * SECOND);
  answer('a', 13 * SECOND);
  expect(counted.replied).toEqual([]);
  asking.sweep(13 * SECOND, 30_000);
  asking.sweep(14 * SECOND, 30_000);
  expect(counted.replied).toEqual([2]);
});

test('a missing answer that comes on another thread is late', () => {
  const { ask, answer, listen, asking, counted } = threads();
  listen();
  ask('a', 0.5 * SECOND);
  asking.sweep(31 * SECOND, 30_000);
  expect(counted).toMatchObject({ missing: 1, late: 0 });
  answer('a', 40 * SECOND);
  asking.sweep(41 * SECOND, 30_000);
  expect(counted).toMatchObject({ missing: 1, late: 1, replied: [] });
});

test('questions beyond what fits are forgotten and counted, the others answered', () => {
  const { ask, answer, listen, asking, counted } = threads();
  listen();
  const count = 20_000;
  for (let i = 0; i < count; i++) ask(`question ${i}`, SECOND + i);
  asking.sweep(2 * SECOND, 30_000);
  expect(counted.limited).toBeGreaterThan(count - 8192 - 1);
  for (let i = 0; i < count; i++) answer(`question ${i}`, 3 * SECOND, asking);
  expect(counted.replied.length + counted.limited).toBe(count);
  expect(counted.missing).toBe(0);
});

/** Says of each publish whether it comes of the delivery that is held. `D` a delivery, `A` its ack, others topics. */
function told(story: string, handling = new Handling(), start = 0): boolean[] {
  const found: boolean[] = [];
  let now = start;
  for (const each of story) {
    now += 10;
    if (each === ' ') now += 2000;
    else if (each === 'D') handling.opened(1, now);
    else if (each === 'A') handling.settled(1, 'q', now);
    else if (handling.open === 0) {
      handling.publishedAlone(each);
      found.push(false);
    } else {
      handling.publishes(each);
      found.push(handling.open === 1 && handling.isWithin(each, 'q', now));
    }
  }
  return found;
}

test.each([
  ['an app that publishes for each delivery, and then acks', 'DxADxADxA', [true, true, true]],
  ['two publishes for each', 'DxyADxyA', [true, true, true, true]],
  ['one more than for those before', 'DxADxxA', [true, true, false]],
  ['acks before it publishes', 'DADxADxA', [false, false]],
  ['a timer that shows while nothing is held', 'DxAtDxtA', [true, false, true, false]],
  ['a timer that begins later', 'DxADxtADxA', [true, true, false, true]],
  ['several at a time', 'DDxAxA', [false, true]],
  ['for some deliveries only', 'DADxADADxA', [false, false]],
])('%s', (_, story, expected) => {
  expect(told(story)).toEqual(expected);
});

test('an app that publishes for some deliveries only is believed once it was often idle without', () => {
  const found = told(`DA ${'DxA DA '.repeat(10)}DxA`);
  expect(found.slice(0, 4)).toEqual([false, false, false, false]);
  expect(found.at(-1)).toBe(true);
  // and not if it ever published by itself
  expect(told(`DA ${'DxA DA '.repeat(5)}x ${'DxA DA '.repeat(5)}DxA`).at(-1)).toBe(false);
});

test('slow is what takes longer than nearly all of the last ten minutes, at least 100 ms', () => {
  const store = new CellStore({ time_to_success: [0.05, 0.1, 0.5, 1] }, { postMessage() {} }, 1 << 14);
  const layout = store.layouts.time_to_success as BucketLayout;
  const at = store.allocate('time_to_success', ['t', 'p']);
  const past = new OwnPast(layout);
  const advance = (ms: number) => past.advance(ms, store.cells, at);
  advance(0);
  expect(past.over).toBe(Number.POSITIVE_INFINITY);
  store.observe(at, layout, 0.03, 990);
  advance(1000);
  expect(past.over).toBe(0.1);
  store.observe(at, layout, 0.3, 11);
  advance(2000);
  expect(past.over).toBe(0.5);
  // ten minutes later those are past, and what came since was slower
  for (let minute = 1; minute <= 11; minute++) advance(minute * 60_000);
  expect(past.over).toBe(Number.POSITIVE_INFINITY);
  store.observe(at, layout, 0.8, 100);
  advance(12 * 60_000);
  expect(past.over).toBe(1);
});
