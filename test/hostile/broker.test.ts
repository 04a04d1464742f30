import { describe, expect, test } from 'vitest';
import { bits, body, entry, header, long, method, short, string, table, u16, u32, u64 } from '../../testing/wire.ts';
import { app, KIB, MIB, Site } from './site.ts';

// What a broker can cost that says what no broker would: for as long as it likes, to an app that takes it all. All of
// it passes, for the app has to judge it, and none of it stays.

const COUNT = 50_000;
const tagged = { tag: 'tag', noAck: false };

const deliver = (tag: number, consumer = 'tag', exchange = 'orders', key = 'key') =>
  method(1, 60, 60, short(consumer), u64(tag), bits(false), short(exchange), short(key));
const returned = (key: string) =>
  Buffer.concat([method(1, 60, 50, u16(312), short('NO_ROUTE'), short('orders'), short(key)), header(1, 0, [])]);
const confirm = (tag: number | bigint, multiple: boolean) => method(1, 60, 80, u64(tag), bits(multiple));
const getOk = (tag: number) => method(1, 60, 71, u64(tag), bits(false), short('orders'), short('key'), u32(0));
const close = method(1, 20, 40, u16(404), short('NOT_FOUND'), u16(0), u16(0));
const long255 = (i: number) => `${i}`.padEnd(255, 'n');

function deep(depth: number): Buffer {
  let nested = table([]);
  for (let i = 0; i < depth; i++) nested = table([entry('t', 'F', nested)]);
  return nested;
}

const death = (queue: string) =>
  Buffer.concat([Buffer.from('F'), table([string('queue', queue), string('reason', 'expired')])]);
const xDeath = (count: number, queue: (i: number) => string) =>
  entry('x-death', 'A', long(Buffer.concat(Array.from({ length: count }, (_, i) => death(queue(i))))));

const mandatory = method(1, 60, 40, u16(0), short('orders'), short('key'), bits(true, false));
const neverPublished = (i: number) => returned(long255(i));

describe('what nobody asked for', () => {
  const endless: [string, (i: number) => Buffer][] = [
    ['deliveries to consumers that there are not', (i) => Buffer.concat([deliver(i + 1, `c ${i}`), header(1, 0, [])])],
    ['deliveries whose tags do not grow', () => Buffer.concat([deliver(1), header(1, 0, [])])],
    ['deliveries whose tags are none', () => Buffer.concat([deliver(0), header(1, 0, [])])],
    ['returns of what was never published', neverPublished],
    ['confirms of what was never published', (i) => confirm(i + 1, false)],
    ['confirms up to what can never be published', () => confirm(2n ** 64n - 1n, true)],
    ['get-ok', (i) => Buffer.concat([getOk(i + 1), header(1, 0, [])])],
    ['content headers without methods', () => header(1, 10, [])],
    ['bodies without content headers', () => body(1, Buffer.from('abc'))],
    ['methods without content headers', (i) => deliver(i + 1)],
    ['consume-ok', (i) => method(1, 60, 21, short(long255(i)))],
    ['cancels of consumers that there are not', (i) => method(1, 60, 30, short(long255(i)), bits(true))],
    ['declare-ok', (i) => method(1, 50, 11, short(long255(i)), u32(0), u32(0))],
    ['commit-ok', () => method(1, 90, 21)],
    ['connection.blocked', (i) => method(0, 10, 60, short(long255(i)))],
    ['connection.tune', () => method(0, 10, 30, u16(0), u32(0), u16(0))],
    ['open-ok', () => method(0, 10, 41, short(''))],
    ['another connection.start', () => method(0, 10, 10, Buffer.of(0, 9), table([]), long('PLAIN'), long('en_US'))],
    ['frames of channels that there are not', (i) => method(2 + (i % 60_000), 60, 80, u64(1), bits(false))],
    ['closes of channels that there are not', (i) => method(2 + (i % 60_000), 20, 41)],
    ['channel.close without end', () => close],
    ['channel.close-ok without end', () => method(1, 20, 41)],
  ];
  test.each(endless)('%s: passes, and costs nothing', async (_, frame) => {
    const site = new Site([], tagged);
    // an app that asked for returns itself gets all there are
    await site.say('app', 1, () => Buffer.concat([mandatory, header(1, 0)]));
    const kept = await site.kept(() => site.say('broker', COUNT, frame));
    expect(kept).toBeLessThan(frame === neverPublished ? 96 * MIB : MIB);
    expect(site.passedAsSaid('broker')).toBe(true);
    expect((await site.metrics()).value('tracehare_observer_failures_total')).toBe(0);
  });

  test('answers are given to none of those that wait, so that the right ones still find theirs', async () => {
    const site = new Site();
    await site.say('app', 1, () => app.consume('orders', 'late', false));
    for (const [, frame] of endless.slice(0, 10)) await site.say('broker', 10, frame);
    await site.say('broker', 1, () => method(1, 60, 21, short('late')));
    await site.say('broker', 1, () => Buffer.concat([deliver(99, 'late'), header(1, 0, [])]));
    expect((await site.metrics()).sum('tracehare_unsettled_deliveries', { queue: 'orders' })).toBe(1);
  });
});

test('a channel that the broker closes again and again is told of once', async () => {
  const site = new Site();
  await site.say('app', 1, () => app.qos(1));
  site.rig.emptyRing();
  site.rig.broker.receive(Buffer.concat(Array.from({ length: 1000 }, () => close)));
  expect(site.rig.events().filter(({ type }) => type === 'channel.closed')).toHaveLength(1);
});

describe('headers', () => {
  test.each([
    ['deep tables', entry('x', 'F', deep(10_000))],
    ['deep tables in x-death', entry('x-death', 'A', long(Buffer.concat([Buffer.from('F'), deep(10_000)])))],
    ['a table as large as a frame', string('x', 'y'.repeat(120 * KIB))],
    ['a death of a queue with a name as long as a frame', xDeath(1, () => 'q'.repeat(120 * KIB))],
  ])('with %s pass, cost nothing, and their deliveries are counted', async (_, value) => {
    const site = new Site([], tagged);
    const content = header(1, 0, [value]);
    const kept = await site.kept(() => site.say('broker', 500, (i) => Buffer.concat([deliver(i + 1), content])));
    expect(kept).toBeLessThan(MIB);
    expect(site.passedAsSaid('broker')).toBe(true);
    expect((await site.metrics()).value('tracehare_observer_failures_total')).toBe(0);
  });

  test('with ten thousand deaths, in queues that never repeat: few are read of each, and few are kept', async () => {
    const site = new Site([], tagged);
    let told = 0;
    site.rig.plane.facts.onFact = () => {
      told++;
    };
    const kept = await site.kept(async () => {
      await site.say('broker', 50, (i) =>
        Buffer.concat([deliver(i + 1), header(1, 0, [xDeath(2000, (k) => `queue ${i} ${k}`)])]),
      );
    });
    expect(told).toBeLessThanOrEqual(50 * 16);
    expect(kept).toBeLessThan(MIB);
    expect(site.passedAsSaid('broker')).toBe(true);
  });

  test('with deaths in queues of long names that never repeat: metrics and memory stay within their limits', async () => {
    const site = new Site([], tagged);
    const died = (i: number) => Buffer.concat([deliver(i + 1), header(1, 0, [xDeath(1, () => long255(i))])]);
    const ack = (i: number) => app.ack(i + 1, false);
    const kept = await site.kept(async () => {
      for (let round = 0; round < 10; round++) {
        await site.say('broker', 2000, (i) => died(round * 2000 + i));
        await site.say('app', 2000, (i) => ack(round * 2000 + i));
      }
    });
    expect(kept).toBeLessThan(8 * MIB);
    const metrics = await site.metrics();
    expect(metrics.matching('event_dead_lettered_total').length).toBeLessThanOrEqual(501);
    expect(metrics.sum('event_dead_lettered_total')).toBe(20_000);
  });
});

describe('a table of what was learned', () => {
  test('that is full forgets the oldest, and not all', () => {
    const { plane } = new Site().rig;
    for (let i = 0; i < 5000; i++) {
      plane.facts.noteQueue({ kind: 'queue dead-letters', name: `/\0queue ${i}`, exchange: '' });
    }
    expect([4999, 4000, 1000].map((i) => plane.facts.queues.deadLetters('/', `queue ${i}`))).toEqual([
      true,
      true,
      true,
    ]);
    expect(plane.facts.queues.deadLetters('/', 'queue 0')).toBe(false);
  });
});

test('deliveries of names that never repeat', async () => {
  const site = new Site([], tagged);
  const kept = await site.kept(async () => {
    for (let round = 0; round < 10; round++) {
      const first = round * 4000;
      const named = (i: number) => deliver(first + i + 1, 'tag', long255(first + i), long255(first + i));
      await site.say('broker', 4000, (i) => Buffer.concat([named(i), header(1, 0, [])]));
      await site.say('app', 4000, (i) => app.ack(first + i + 1, false));
    }
  });
  expect(kept).toBeLessThan(96 * MIB);
  expect((await site.scrape()).length).toBeLessThan(12 * MIB);
});

test('deliveries that the app does not settle: as many as the window are open, and the others pass', async () => {
  const site = new Site(['--limits-window-per-channel', '10000'], tagged);
  const content = header(1, 0, []);
  const kept = await site.kept(() => site.say('broker', 200_000, (i) => Buffer.concat([deliver(i + 1), content])));
  expect(kept).toBeLessThan(2 * MIB);
  const metrics = await site.metrics();
  expect(metrics.sum('tracehare_unsettled_deliveries')).toBe(10_000);
  expect(metrics.value('tracehare_unobserved_total', { reason: 'window_full' })).toBe(190_000);
});
