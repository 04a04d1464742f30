import { describe, expect, test } from 'vitest';
import { bits, header, method, PROTOCOL, short, string, table, u16, u32, u64 } from '../../testing/wire.ts';
import { app, broker, KIB, MIB, Site } from './site.ts';

// What an app that the broker has let in can cost: it may do nothing that AMQP allows, for as long as it likes,
// against a broker that does not answer. All it says passes.

const LONG = 'n'.repeat(240);
const close = method(1, 20, 40, u16(404), short('NOT_FOUND'), u16(0), u16(0));
const nowait = { consume: (tag: string) => consume(tag, true), cancel: (tag: string) => cancel(tag, true) };
const consume = (tag: string, nowait: boolean) =>
  method(1, 60, 20, u16(0), short('orders'), short(tag), bits(false, false, false, nowait), table([]));
const cancel = (tag: string, nowait: boolean) => method(1, 60, 30, short(tag), bits(nowait));
const get = (queue: string) => method(1, 60, 70, u16(0), short(queue), bits(false));
const settle = {
  ack: (tag: number) => app.ack(tag, false),
  nack: (tag: number) => method(1, 60, 120, u64(tag), bits(false, true)),
};
const publish = (exchange: string, key: string) =>
  Buffer.concat([method(1, 60, 40, u16(0), short(exchange), short(key), bits(false, false)), header(1, 0, [])]);
const deliver = (tag: number) =>
  Buffer.concat([
    method(1, 60, 60, short('tag'), u64(tag), bits(false), short('orders'), short('key')),
    header(1, 0, []),
  ]);
const txSelect = method(1, 90, 10);

describe('requests that the broker does not answer', () => {
  test.each([
    ['basic.qos', () => app.qos(10)],
    ['basic.get of long names', (i: number) => get(`${i}${LONG}`)],
    ['basic.consume of long names', (i: number) => consume(`${i}${LONG}`, false)],
    ['basic.cancel of long names', (i: number) => cancel(`${i}${LONG}`, false)],
    ['tx.commit', () => method(1, 90, 20)],
  ])('%s without end', async (_, request) => {
    const site = new Site();
    const kept = await site.kept(() => site.say('app', 100_000, request));
    expect(kept).toBeLessThan(12 * MIB);
    expect(site.passedAsSaid('app')).toBe(true);
    const metrics = await site.metrics();
    expect(metrics.value('tracehare_unobserved_total', { reason: 'requests_full' })).toBe(100_000 - 8192);
  });

  test('once they are answered after all, the next ones are known again', async () => {
    const site = new Site();
    await site.say('app', 10_000, () => get('orders'));
    await site.say('broker', 10_000, () => method(1, 60, 72, short('')));
    await site.say('app', 1, () => get('orders'));
    const got = method(1, 60, 71, u64(1), bits(false), short('orders'), short('key'), u32(0));
    await site.say('broker', 1, () => Buffer.concat([got, header(1, 0, [])]));
    const metrics = await site.metrics();
    expect(metrics.value('tracehare_unobserved_total', { reason: 'requests_full' })).toBe(10_000 - 8192);
    expect(metrics.sum('tracehare_unsettled_deliveries', { queue: 'orders' })).toBe(1);
  });

  test('on all channels there are, they are bounded together', async () => {
    const site = new Site();
    const channels = 2000;
    const kept = await site.kept(async () => {
      await site.say('app', channels - 1, (i) => method(i + 2, 20, 10, short('')));
      await site.say('app', channels * 50, (i) => method(1 + (i % channels), 60, 10, u32(0), u16(1), bits(false)));
    });
    // what a used channel takes, and the requests
    expect(kept).toBeLessThan(channels * 24 * KIB + 4 * MIB);
  });
});

describe('a channel that is closed', () => {
  const endless: [string, (i: number) => Buffer][] = [
    ['basic.qos', () => app.qos(10)],
    ['basic.ack', (i) => settle.ack(i + 1)],
    ['basic.nack of every other tag', (i) => settle.nack(2 * i + 1)],
    ['basic.consume', (i) => nowait.consume(`${i}${LONG}`)],
    ['basic.get', (i) => get(`${i}${LONG}`)],
    ['queue.declare', (i) => app.queueDeclare(`${i}${LONG}`)],
    ['channel.close', () => method(1, 20, 40, u16(200), short('bye'), u16(0), u16(0))],
  ];
  test.each(endless)('by the broker: %s without end, in a transaction, costs nothing', async (_, frame) => {
    const site = new Site();
    await site.say('app', 1, () => txSelect);
    await site.say('broker', 1, () => method(1, 90, 11));
    await site.say('broker', 1, () => close);
    const kept = await site.kept(() => site.say('app', 100_000, frame));
    expect(kept).toBeLessThan(MIB);
    expect(site.passedAsSaid('app')).toBe(true);
  });

  test.each(endless)('by the app: %s without end costs nothing', async (_, frame) => {
    const site = new Site();
    await site.say('app', 1, () => txSelect);
    await site.say('app', 1, () => method(1, 20, 40, u16(200), short('bye'), u16(0), u16(0)));
    const kept = await site.kept(() => site.say('app', 100_000, frame));
    expect(kept).toBeLessThan(MIB);
    expect(site.passedAsSaid('app')).toBe(true);
  });

  test('what the app settles after its own close counts as nothing: it goes back to its queue', async () => {
    const site = new Site([], { tag: 'tag', noAck: false });
    await site.say('broker', 1, () => deliver(1));
    await site.say('app', 1, () => method(1, 20, 40, u16(200), short('bye'), u16(0), u16(0)));
    await site.say('app', 1, () => settle.ack(1));
    await site.say('broker', 1, () => method(1, 20, 41));
    const metrics = await site.metrics();
    expect(metrics.sum('event_requeued_total', { reason: 'channel_closed' })).toBe(1);
    expect(metrics.sum('event_throughput_total', { side: 'consume' })).toBe(0);
  });
});

describe('settlements in a transaction', () => {
  test('of deliveries that there are not cost nothing', async () => {
    const site = new Site([], { tag: 'tag', noAck: false });
    await site.say('app', 1, () => txSelect);
    await site.say('broker', 1, () => deliver(1));
    const kept = await site.kept(() => site.say('app', 100_000, (i) => settle.ack(2 * i + 3)));
    expect(kept).toBeLessThan(MIB);
  });

  test('of the same deliveries again and again, for which the broker closes the channel, are bounded, and the limit shows', async () => {
    const site = new Site(['--limits-window-per-channel', '100'], { tag: 'tag', noAck: false });
    await site.say('app', 1, () => txSelect);
    await site.say('broker', 3, (i) => deliver(i + 1));
    const kept = await site.kept(() => site.say('app', 100_000, (i) => settle[i % 2 ? 'ack' : 'nack'](1 + (i % 3))));
    expect(kept).toBeLessThan(MIB);
    const metrics = await site.metrics();
    // three are made, and so many wait for that close
    expect(metrics.value('tracehare_unobserved_total', { reason: 'window_full' })).toBe(100_000 - 3 - 4096);
  });

  test('of the same delivery, rolled back again and again without an answer, are bounded, and the limit shows', async () => {
    const site = new Site(['--limits-window-per-channel', '100'], { tag: 'tag', noAck: false });
    await site.say('app', 1, () => txSelect);
    await site.say('broker', 1, () => deliver(1));
    const turn = Buffer.concat([settle.ack(1), method(1, 90, 30)]);
    const kept = await site.kept(() => site.say('app', 20_000, () => turn));
    expect(kept).toBeLessThan(2 * MIB);
    const metrics = await site.metrics();
    expect(metrics.value('tracehare_unobserved_total', { reason: 'window_full' })).toBe(20_000 - 1024);
  });

  test('in a row are one, and a commit covers those that were sent before it, however many commits there are', async () => {
    const site = new Site([], { tag: 'tag', noAck: false });
    await site.say('app', 1, () => txSelect);
    await site.say('broker', 1, () => method(1, 90, 11));
    await site.say('broker', 100_000, (i) => deliver(i + 1));
    const kept = await site.kept(() => site.say('app', 90_000, (i) => settle.ack(i + 1)));
    expect(kept).toBeLessThan(MIB);
    const [commit, committed] = [method(1, 90, 20), method(1, 90, 21)];
    const acked = async () =>
      (await site.metrics()).sum('event_throughput_total', { side: 'consume', status: 'success' });
    await site.say('app', 1, () => commit);
    await site.say('app', 1, () => settle.ack(90_001));
    await site.say('app', 1, () => commit);
    await site.say('app', 1, () => settle.ack(90_002));
    expect(await acked()).toBe(0);
    await site.say('broker', 1, () => committed);
    expect(await acked()).toBe(90_000);
    await site.say('broker', 1, () => committed);
    expect(await acked()).toBe(90_001);
  });
});

describe('consumers', () => {
  test('without end, that nobody answers for, are followed up to a limit that shows', async () => {
    const site = new Site();
    const kept = await site.kept(() => site.say('app', 50_000, (i) => nowait.consume(`${i}${LONG}`)));
    expect(kept).toBeLessThan(24 * MIB);
    expect(site.passedAsSaid('app')).toBe(true);
    const metrics = await site.metrics();
    expect(metrics.value('tracehare_unobserved_total', { reason: 'consumers_full' })).toBe(50_000 - 8192);
  });

  test('that start and leave under one tag cost what one does', async () => {
    const site = new Site();
    const turns = (i: number) => Buffer.concat([nowait.consume('tag'), nowait.cancel('tag'), nowait.cancel(`${i}`)]);
    expect(await site.kept(() => site.say('app', 100_000, turns))).toBeLessThan(MIB);
  });

  test('that left make room for others, once the broker has answered what was asked after it', async () => {
    const site = new Site();
    await site.say('app', 8192, (i) => nowait.consume(`${i}`));
    await site.say('app', 8192, (i) => nowait.cancel(`${i}`));
    await site.say('app', 1, () => app.qos(1));
    await site.say('broker', 1, () => method(1, 60, 11));
    await site.say('app', 8192, (i) => nowait.consume(`${i}`));
    expect((await site.metrics()).value('tracehare_unobserved_total', { reason: 'consumers_full' })).toBe(undefined);
  });
});

test('closes of a channel without end, while confirms of ours are awaited: one is held, the others pass', async () => {
  const site = new Site(['--loss', 'confirms']);
  await site.say('app', 1, () => publish('orders', 'key'));
  const before = site.rig.broker.bytesWritten;
  const bye = method(1, 20, 40, u16(200), short('bye'), u16(0), u16(0));
  const kept = await site.kept(() => site.say('app', 100_000, () => bye));
  expect(kept).toBeLessThan(MIB);
  expect(site.rig.broker.bytesWritten - before).toBe(100_000 * bye.length);
});

describe('names that never repeat', () => {
  test('routing keys of 255 bytes', async () => {
    const site = new Site();
    const kept = await site.kept(() =>
      site.say('app', 100_000, (i) => publish('orders', `${i}`.padEnd(255, 'k')), 1000),
    );
    expect(kept).toBeLessThan(96 * MIB);
  });

  test('exchanges of 255 bytes: topics and edges stay within their limits, and so does a scrape', async () => {
    const site = new Site();
    const kept = await site.kept(async () => {
      await site.say('app', 100_000, (i) => publish(`${i}`.padEnd(255, 'x'), 'key'), 1000);
    });
    expect(kept).toBeLessThan(96 * MIB);
    expect((await site.scrape()).length).toBeLessThan(8 * MIB);
  });

  test('of apps, each with routing keys of its own', async () => {
    const site = new Site();
    const { plane } = site.rig;
    const kept = await site.kept(async () => {
      const client = { product: '', connectionName: '', user: '' };
      for (let i = 0; i < 4000; i++) {
        const routes = plane.publishRoutes({ vhost: '/', pipeline: '/', app: `app ${i}`, client });
        for (let k = 0; k < 100; k++) {
          const names = Buffer.concat([short('orders'), short(`key ${k}`)]);
          routes.find(names, 0, names.length, undefined);
        }
        if (i % 10 === 0) await new Promise(setImmediate);
      }
    });
    expect(kept).toBeLessThan(96 * MIB);
  });

  test('topics out of queues: every pair there is', async () => {
    const site = new Site();
    const { recorder } = site.rig;
    const kept = await site.kept(async () => {
      for (let topic = 0; topic < 500; topic++) {
        for (let queue = 0; queue < 500; queue++) {
          const tally = recorder.deliveries(`topic ${topic}`, '/', `queue ${queue}`);
          tally.passed(1, false, false);
          tally.succeeded(0.1, false);
        }
      }
    });
    expect(kept).toBeLessThan(64 * MIB);
    expect((await site.scrape()).length).toBeLessThan(24 * MIB);
  });
});

test('a login as large as a frame, and its names, leave little behind', async () => {
  const site = new Site();
  const large = table(Array.from({ length: 500 }, (_, i) => string(`key ${i}`, 'x'.repeat(100))));
  const startOk = method(0, 10, 11, large, short('PLAIN'), u32(0), short('en_US'));
  const kept = await site.kept(() => site.say('app', 1000, () => Buffer.concat([startOk, PROTOCOL.subarray(0, 0)])));
  expect(kept).toBeLessThan(MIB);
  expect(broker.openOk.length).toBeGreaterThan(0);
});
