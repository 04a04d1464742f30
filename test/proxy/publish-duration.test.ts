import { afterEach, describe, expect, test, vi } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { PublishEnded } from '../../src/events/lifecycle.ts';
import { Exposition } from '../../src/telemetry/exposition/exposition.ts';
import { Metrics } from '../../testing/metrics.ts';
import { app, broker, publish } from '../../testing/peer-frames.ts';
import { createRig, handshake, type RigOptions } from '../../testing/plane-rig.ts';
import { bits, method, short, u16 } from '../../testing/wire.ts';
import { textOf } from '../metrics/rig.ts';

// Whether a publish without confirms arrived is known only when no return can come any more. It took no longer
// than its flush all the same: that is where its span ends, and what the histogram of durations has.

const ORDER = { exchange: 'orders', routingKey: 'new', body: 0 };
const SAMPLED: RigOptions = { env: { OTEL_TRACES_SAMPLER: 'always_on' } };
const DURATION = 'messaging_client_operation_duration_seconds';
const { buckets, openTelemetryNames } = loadConfig({ argv: [], env: {} }).metrics;
/** longer than any wait for a return, and than a test takes */
const LONG = 60_000;

afterEach(() => {
  vi.useRealTimers();
});

interface Moment {
  from: number;
  to: number;
}

function publisher(options: RigOptions = {}) {
  const rig = createRig(options);
  const exposition = new Exposition({ version: '1', buckets, openTelemetryNames });
  exposition.attach(rig.cells);
  handshake(rig);
  rig.events();
  const now = (): number => rig.plane.clock.micros(rig.plane.clock.now());
  const written: Buffer[] = [];
  const write = rig.broker.write.bind(rig.broker);
  rig.broker.write = (bytes, then) => {
    if (bytes.length > 0) written.push(Buffer.from(bytes));
    return write(bytes, then);
  };
  return {
    ...rig,
    /** When it was done: between which times. */
    during(action: () => void): Moment {
      const from = now();
      action();
      return { from, to: now() };
    },
    publishes: (message = ORDER) => rig.app.receive(publish(message)),
    /** The broker sends back what was written last. */
    returns() {
      const [message] = written.slice(-1);
      const names = message.subarray(13, 7 + message.readUInt32BE(3) - 1);
      const header = message.subarray(7 + message.readUInt32BE(3) + 1);
      rig.broker.receive(Buffer.concat([method(1, 60, 50, u16(312), short('NO_ROUTE'), names), header]));
    },
    /** The socket towards the broker holds what is written from now on. */
    stallSocket() {
      rig.broker.isSlow = true;
    },
    drainSocket() {
      rig.broker.isSlow = false;
      rig.broker.writableLength = 0;
      for (const told of rig.broker.waiting.splice(0)) told();
    },
    ended: () => rig.events().filter((event): event is PublishEnded => event.type === 'publish.ended'),
    metrics: async () => new Metrics(await textOf(exposition.render())),
  };
}

function expectBetween(time: number | undefined, { from, to }: Moment): void {
  expect(time).toBeGreaterThanOrEqual(from);
  expect(time).toBeLessThanOrEqual(to);
}

/** What tells that no return can come any more. */
const proofs: [string, (site: ReturnType<typeof publisher>) => void][] = [
  ['a second without a return', () => {}],
  [
    'the answer to a later request',
    ({ app: from, broker: to }) => {
      from.receive(Buffer.from(app.confirmSelect));
      to.receive(Buffer.from(broker.confirmSelectOk));
    },
  ],
  [
    'the confirms of later publishes',
    ({ app: from, broker: to, publishes }) => {
      from.receive(method(1, 85, 10, bits(true)));
      publishes();
      to.receive(Buffer.from(broker.ack(1, true)));
    },
  ],
  [
    'the end of the channel',
    ({ app: from, broker: to }) => {
      from.receive(method(1, 20, 40, u16(200), short(''), u16(0), u16(0)));
      to.receive(method(1, 20, 41));
    },
  ],
  [
    'the end of the connection',
    ({ app: from, broker: to }) => {
      from.receive(Buffer.from(app.close));
      to.receive(method(0, 10, 51));
    },
  ],
];

describe.each(proofs)('known to have arrived by %s', (_, prove) => {
  test('a publish without confirms ends with its flush', () => {
    const site = publisher(SAMPLED);
    const flush = site.during(() => site.publishes());
    site.pass(900);
    expect(site.ended()).toEqual([]);
    site.pass(LONG);
    prove(site);
    const [ended] = site.ended();
    expect(ended.outcome).toBe('success');
    expectBetween(ended.endedAt, flush);
  });

  test('the histogram says the same of those without a span', async () => {
    const site = publisher();
    const { from, to } = site.during(() => site.app.receive(Buffer.concat([publish(ORDER), publish(ORDER)])));
    site.pass(LONG);
    prove(site);
    const metrics = await site.metrics();
    expect(metrics.value(`${DURATION}_count`)).toBeGreaterThanOrEqual(2);
    // a confirmed one behind them takes its own time
    expect(metrics.value(`${DURATION}_sum`)).toBeLessThan((3 * (to - from)) / 1e6 + LONG / 1000 / 2);
  });
});

test('each flush of the socket is the end of what it took', () => {
  const site = publisher(SAMPLED);
  const first = site.during(() => site.publishes());
  site.stallSocket();
  site.publishes();
  site.pass(300);
  site.publishes();
  site.pass(300);
  const second = site.during(() => site.drainSocket());
  const third = site.during(() => site.publishes());
  site.pass(LONG);
  const ends = site.ended().map(({ endedAt }) => endedAt);
  expect(ends).toHaveLength(4);
  expectBetween(ends[0], first);
  expectBetween(ends[1], second);
  expect(ends[2]).toBe(ends[1]);
  expectBetween(ends[3], third);
});

test('the second without a return begins with the flush', () => {
  const site = publisher(SAMPLED);
  site.stallSocket();
  site.publishes();
  site.pass(LONG);
  expect(site.ended()).toEqual([]);
  site.drainSocket();
  site.pass(900);
  expect(site.ended()).toEqual([]);
  site.pass(300);
  expect(site.ended()).toMatchObject([{ outcome: 'success' }]);
});

test.each([
  ['sampled', SAMPLED],
  ['not sampled', { env: { OTEL_TRACES_SAMPLER: 'always_off' } }],
])('a return makes an error of it, which ends with the flush all the same: %s', async (_, options) => {
  const site = publisher(options);
  const flush = site.during(() => site.publishes());
  site.pass(900);
  site.returns();
  const [ended] = site.ended();
  expect(ended).toMatchObject({ outcome: 'failed', reason: 'unroutable', replyCode: 312 });
  expectBetween(ended.endedAt, flush);
  site.pass(LONG);
  expect(site.ended()).toEqual([]);
  const metrics = await site.metrics();
  expect(metrics.sum('event_lost_total', { reason: 'unroutable' })).toBe(1);
  expect(metrics.sum(`${DURATION}_sum`, { error_type: 'unroutable' })).toBeLessThan(0.9);
});

test('what the broker closes the channel for ends with its flush', () => {
  const site = publisher(SAMPLED);
  const flush = site.during(() => site.publishes());
  site.pass(900);
  const reply = "NOT_FOUND - no exchange 'orders' in vhost '/'";
  site.broker.receive(method(1, 20, 40, u16(404), short(reply), u16(60), u16(40)));
  const [ended] = site.ended();
  expect(ended).toMatchObject({ outcome: 'failed', reason: 'no_exchange' });
  expectBetween(ended.endedAt, flush);
});

test('if the connection dies, what the kernel took ends with its flush, and the rest where that died', () => {
  const site = publisher(SAMPLED);
  const flush = site.during(() => site.publishes());
  site.stallSocket();
  site.publishes();
  site.pass(900);
  const death = site.during(() => site.broker.receive(method(0, 10, 50, u16(320), short(''), u16(0), u16(0))));
  const ended = site.ended();
  expect(ended).toMatchObject([{ outcome: 'unknown' }, { outcome: 'unknown' }]);
  expectBetween(ended[0].endedAt, flush);
  expectBetween(ended[1].endedAt, death);
});

test('in a transaction it ends with the commit', () => {
  const site = publisher(SAMPLED);
  site.app.receive(method(1, 90, 10));
  site.broker.receive(method(1, 90, 11));
  site.publishes();
  site.pass(300);
  site.app.receive(method(1, 90, 20));
  const commit = site.during(() => site.broker.receive(method(1, 90, 21)));
  const [ended] = site.ended();
  expect(ended.outcome).toBe('success');
  expectBetween(ended.endedAt, commit);
});

test('a nack of many is not about what was published before confirms', async () => {
  const site = publisher(SAMPLED);
  site.publishes();
  site.app.receive(method(1, 85, 10, bits(true)));
  site.publishes();
  site.broker.receive(method(1, 60, 120, Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]), bits(true)));
  expect(site.ended().map(({ outcome, confirmed }) => [outcome, confirmed])).toEqual([
    ['success', false],
    ['failed', true],
  ]);
});

describe('what a fault holds back', () => {
  const STRUCK = { ...ORDER, routingKey: 'struck' };
  const rule = (type: 'latency' | 'reorder', attributes: object): RigOptions => ({
    ...SAMPLED,
    rules: [{ match: { routingKey: 'struck' }, faults: [{ type, toxicity: 1, attributes }] }],
  });

  test.each([
    ['sampled', SAMPLED],
    ['not sampled', {}],
  ])('ends when it left, and waits for a return from then on: %s', async (_, options) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const site = publisher({ ...rule('latency', { latency: 3000 }), ...options });
    site.publishes(STRUCK);
    site.pass(3000);
    site.pass(300);
    vi.advanceTimersByTime(3300);
    site.pass(900);
    expect((await site.metrics()).sum(`${DURATION}_count`)).toBe(0);
    site.pass(300);
    const metrics = await site.metrics();
    expect(metrics.sum(`${DURATION}_count`)).toBe(1);
    expect(metrics.sum(`${DURATION}_sum`)).toBeGreaterThanOrEqual(3.3);
    expect(metrics.sum(`${DURATION}_sum`)).toBeLessThan(4.2);
  });

  test('ends when it left, though later ones went before it', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const site = publisher(rule('reorder', { distance: 1, wait: 5000 }));
    site.publishes();
    site.publishes(STRUCK);
    site.pass(300);
    const next = site.during(() => site.publishes());
    site.pass(LONG);
    const ended = site.ended();
    expect(ended).toHaveLength(3);
    for (const { endedAt } of ended.slice(1)) expectBetween(endedAt, next);
  });

  test('ends when it left, though nothing came to go before it', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const site = publisher(rule('reorder', { distance: 1, wait: 5000 }));
    site.publishes(STRUCK);
    site.pass(5000);
    const leave = site.during(() => vi.advanceTimersByTime(5000));
    site.pass(900);
    expect(site.ended()).toEqual([]);
    site.pass(300);
    const [ended] = site.ended();
    expect(ended.outcome).toBe('success');
    expectBetween(ended.endedAt, leave);
  });

  test('ends when it left, though confirms were asked for meanwhile', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const site = publisher(rule('latency', { latency: 3000 }));
    site.publishes(STRUCK);
    site.app.receive(Buffer.from(app.confirmSelect));
    site.pass(3000);
    const leave = site.during(() => vi.advanceTimersByTime(3000));
    site.pass(500);
    site.broker.receive(Buffer.from(broker.confirmSelectOk));
    const [ended] = site.ended();
    expect(ended.outcome).toBe('success');
    expectBetween(ended.endedAt, leave);
  });
});

describe('what is answered', () => {
  const SHADOWED: RigOptions = { ...SAMPLED, args: ['--loss', 'confirms'] };

  test('ends with the confirm that only we asked for', () => {
    const site = publisher(SHADOWED);
    site.publishes();
    site.pass(300);
    const confirm = site.during(() => site.broker.receive(Buffer.from(broker.ack(1, false))));
    const [ended] = site.ended();
    expect(ended).toMatchObject({ outcome: 'success', confirmed: true });
    expectBetween(ended.endedAt, confirm);
  });

  test('ends with its connection, if that takes the confirm along', () => {
    const site = publisher(SHADOWED);
    site.publishes();
    site.pass(300);
    const death = site.during(() => site.broker.receive(method(0, 10, 50, u16(320), short(''), u16(0), u16(0))));
    const [ended] = site.ended();
    expect(ended.outcome).toBe('unknown');
    expectBetween(ended.endedAt, death);
  });

  test('ends with the connection that took the answer to its commit along, and never without a commit', () => {
    const site = publisher(SAMPLED);
    site.app.receive(method(1, 90, 10));
    site.broker.receive(method(1, 90, 11));
    site.publishes();
    site.app.receive(method(1, 90, 20));
    site.publishes();
    site.pass(300);
    const death = site.during(() => site.broker.receive(method(0, 10, 50, u16(320), short(''), u16(0), u16(0))));
    const ended = site.ended();
    expect(ended).toMatchObject([{ outcome: 'unknown' }]);
    expectBetween(ended[0].endedAt, death);
  });
});

test('rolled back, it never was', async () => {
  const site = publisher(SAMPLED);
  site.app.receive(method(1, 90, 10));
  site.broker.receive(method(1, 90, 11));
  site.publishes();
  site.app.receive(method(1, 90, 30));
  site.broker.receive(method(1, 90, 31));
  site.pass(LONG);
  expect(site.ended()).toEqual([]);
  expect((await site.metrics()).sum(`${DURATION}_count`)).toBe(0);
});

test('what a fault still holds when the connection dies ends there', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const faults = [{ type: 'latency' as const, toxicity: 1, attributes: { latency: 3000 } }];
  const site = publisher({ ...SAMPLED, rules: [{ match: { exchange: 'orders' }, faults }] });
  site.publishes();
  site.pass(300);
  const death = site.during(() => site.broker.receive(method(0, 10, 50, u16(320), short(''), u16(0), u16(0))));
  const [ended] = site.ended();
  expect(ended.outcome).toBe('unknown');
  expectBetween(ended.endedAt, death);
});

test('a flush that never comes is no end: an answer to what came behind it is', () => {
  const site = publisher(SAMPLED);
  site.stallSocket();
  site.publishes();
  site.app.receive(Buffer.from(app.confirmSelect));
  site.pass(LONG);
  expect(site.ended()).toEqual([]);
  const answer = site.during(() => site.broker.receive(Buffer.from(broker.confirmSelectOk)));
  const [ended] = site.ended();
  expect(ended.outcome).toBe('success');
  expectBetween(ended.endedAt, answer);
});

describe('a broker that blocks', () => {
  const blocked = method(0, 10, 60, short('low on memory'));
  const unblocked = method(0, 10, 61);

  test.each([
    ['with --loss returns', SAMPLED],
    ['with --loss off', { ...SAMPLED, args: ['--loss', 'off'] }],
  ])('is not waited for until it reads again, and then for a second anew: %s', (_, options) => {
    const site = publisher(options);
    site.broker.receive(blocked);
    const flush = site.during(() => site.publishes());
    site.pass(LONG);
    expect(site.ended()).toEqual([]);
    site.broker.receive(unblocked);
    site.pass(900);
    expect(site.ended()).toEqual([]);
    site.pass(300);
    const [ended] = site.ended();
    expect(ended.outcome).toBe('success');
    expectBetween(ended.endedAt, flush);
  });

  test('and whose connection ends has left unknown what waited for it', () => {
    const site = publisher(SAMPLED);
    site.broker.receive(blocked);
    site.publishes();
    site.pass(LONG);
    site.broker.receive(method(0, 10, 50, u16(320), short(''), u16(0), u16(0)));
    expect(site.ended()).toMatchObject([{ outcome: 'unknown', reason: 'connection_lost' }]);
  });
});
