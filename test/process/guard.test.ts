import { connect as netConnect } from 'node:net';
import { type Channel, type ConsumeMessage, connect } from 'amqplib';
import { expect, inject, test } from 'vitest';
import { Listener } from '../../src/proxy/listening/listener.ts';
import { failOpenInterceptor, failOpenObserver } from '../../src/proxy/plane/fail-open.ts';
import { Plane } from '../../src/proxy/plane/plane.ts';
import { Clock } from '../../src/proxy/ports/clock.ts';
import type { Interceptor } from '../../src/proxy/ports/interceptor.ts';
import type {
  DeliveryTally,
  HopTally,
  Observer,
  PublishTally,
  TrafficTally,
  Watermark,
} from '../../src/proxy/ports/observer.ts';
import type { LossMode, Rules } from '../../src/proxy/routing/treatment.ts';
import { Dialer } from '../../src/proxy/stream/dial.ts';
import { compileRules } from '../../src/rules/rules.ts';
import { DeliveryCells } from '../../src/telemetry/recording/delivery-tally.ts';
import { EdgeCells } from '../../src/telemetry/recording/edge-tally.ts';
import { PublishCells } from '../../src/telemetry/recording/publish-tally.ts';
import { TrafficCells } from '../../src/telemetry/recording/traffic-tally.ts';
import { WatermarkCells } from '../../src/telemetry/recording/watermark-tally.ts';
import { bytesFrom, startRecorder } from '../../testing/recorder.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { AMQP_1_0 } from '../../testing/wire.ts';
import { checkDownstream, checkUpstream } from '../identity/compare.ts';
import { atEnd } from './closing.ts';

/** Methods of everything that the data plane calls, events included; called how often, and which of them throw. */
class Watchers {
  readonly calls = new Map<string, number>();
  failures = 0;
  readonly #throws: (name: string) => boolean;

  constructor(throws: (name: string) => boolean) {
    this.#throws = throws;
  }

  get observer(): Observer {
    const publishes = this.#watch<PublishTally>('publish', {}, PublishCells.prototype);
    const deliveries = this.#watch<DeliveryTally>('delivery', {}, DeliveryCells.prototype);
    const hop = this.#watch<HopTally>('hop', {}, EdgeCells.prototype);
    const watermark = this.#watch<Watermark>('watermark', {}, WatermarkCells.prototype);
    const observerFailed = (): void => void this.failures++;
    return this.#watch<Observer>('observer', {
      traffic: this.#watch<TrafficTally>('traffic', { observerFailed }, TrafficCells.prototype),
      publishes: () => publishes,
      deliveries: () => deliveries,
      hop: () => hop,
      watermark: () => watermark,
      slowness: () => ({ over: Number.POSITIVE_INFINITY }),
    });
  }

  get interceptor(): Interceptor {
    return this.#watch<Interceptor>('interceptor', { headers: [], headersOf: () => 0 });
  }

  /**
   * Everything that is asked of it is a method; those without an answer return nothing. Its prototype has the methods
   * that are wrapped.
   */
  #watch<T extends object>(of: string, answers: Partial<T> = {}, prototype: object = {}): T {
    return new Proxy(Object.create(prototype), {
      get: (_, key) => {
        const name = `${of}.${String(key)}`;
        const answer = Reflect.get(answers as Record<string | symbol, (...args: unknown[]) => unknown>, key);
        if (['observer.traffic', 'traffic.observerFailed', 'interceptor.headers'].includes(name)) return answer;
        return (...args: unknown[]) => {
          this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
          if (this.#throws(name)) throw new Error(`${name} fails`);
          return answer?.(...args);
        };
      },
    });
  }
}

/** app → recorder → data plane → recorder → broker, in this very process: what is not caught fails the run. */
async function startPlane(watchers: Watchers, loss: LossMode, rules?: Rules) {
  const vhost = await createVhost();
  atEnd(() => vhost.remove());
  const atBroker = await startRecorder(inject('broker').port);
  atEnd(() => atBroker.stop());
  const observer = failOpenObserver(watchers.observer);
  const interceptor = failOpenInterceptor(watchers.interceptor, () => observer.traffic.observerFailed());
  const naming = (exchange: string, routingKey: string) => exchange || routingKey;
  const noRules = compileRules([], { loss, naming, fold: (topic) => topic });
  const plane = new Plane(observer, interceptor, new Clock(), rules ?? noRules, {
    pipeline: undefined,
    windowPerChannel: 1000,
    connections: 10,
    settleOnClose: 250,
    cause: 'link',
    separateTraces: false,
    replyTimeout: 30_000,
    poison: 5,
    slowAfter: Number.NaN,
    keepPerSecond: 50,
    shownHeaders: [],
    baggage: [],
    exempt: () => false,
  });
  const dialer = new Dialer({
    servers: [{ host: '127.0.0.1', port: atBroker.port, tls: false }],
    security: { verify: true },
    timeout: 5000,
    result: ({ host }, error) => observer.traffic.upstreamUp(host, error === undefined),
  });
  const listener = new Listener(plane, dialer, undefined);
  const { port } = await listener.listen({ host: '127.0.0.1', port: 0, shared: false });
  atEnd(() => listener.close());
  const atApp = await startRecorder(port);
  atEnd(() => atApp.stop());
  return { vhost, atApp, atBroker, plane, listener };
}

/** Publishes, consumes and fails in every way that ends a message; returns what the app has seen. */
async function use(vhost: Vhost, port?: number): Promise<unknown[]> {
  const seen: unknown[] = [];
  const app = await connect(vhost.url(port));
  app.on('error', (error) => seen.push(error));
  const channel = await app.createConfirmChannel();
  channel.on('return', ({ fields, content }) =>
    seen.push('returned', (fields as { replyCode?: number }).replyCode, content.toString()),
  );
  await channel.assertQueue('dead');
  await channel.assertQueue('q', { deadLetterExchange: '', deadLetterRoutingKey: 'dead' });
  // nothing is added to a context of its own
  const headers = { traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` };
  for (const body of ['ack', 'requeue', 'reject', 'get', 'auto']) {
    channel.sendToQueue('q', Buffer.from(body), { headers });
  }
  channel.publish('', 'nowhere', Buffer.from('unroutable'), { mandatory: true, headers });
  await channel.waitForConfirms();

  const consumer = await app.createChannel();
  await consumer.prefetch(1);
  const next = await queueOf(consumer, 'q');
  const take = async (): Promise<ConsumeMessage> => {
    const message = await next.take();
    seen.push(message.content.toString(), message.fields.redelivered);
    return message;
  };
  consumer.ack(await take());
  consumer.nack(await take());
  const again = await take();
  consumer.ack(again);
  consumer.reject(await take(), false);
  await take();
  await consumer.close(); // unsettled: requeued
  seen.push(await got(channel, 'q'), await got(channel, 'q'), await got(channel, 'dead'), await got(channel, 'q'));

  const refused = await app.createConfirmChannel();
  refused.on('error', (error: Error & { code?: number }) => seen.push(error.code));
  const closed = new Promise((resolve) => refused.once('close', resolve));
  refused.publish('no such exchange', 'k', Buffer.from('x'), { headers }, () => {});
  await closed;
  await app.close();
  return seen;
}

async function got(channel: Channel, queue: string): Promise<unknown> {
  const message = await channel.get(queue, { noAck: true });
  return message && [message.content.toString(), message.fields.redelivered];
}

async function queueOf(channel: Channel, queue: string) {
  const waiting: ConsumeMessage[] = [];
  await channel.consume(queue, (message) => void (message && waiting.push(message)));
  return { take: () => until(() => waiting.shift(), 'a delivery comes') };
}

/** One that is no AMQP 0-9-1: it becomes a pipe. */
async function useAnother(port: number): Promise<void> {
  const socket = netConnect(port, '127.0.0.1');
  let answered = false;
  socket.on('error', () => {});
  socket.on('data', () => {
    answered = true;
  });
  socket.write(AMQP_1_0);
  await until(() => answered || socket.destroyed, 'the broker answers');
  expect(answered).toBe(true);
  socket.end();
  await until(() => socket.destroyed, 'it is gone');
}

/** What passed is what was sent; `stamped`: but for our stamp in the headers of publishes. */
async function unchanged({ atApp, atBroker }: Awaited<ReturnType<typeof startPlane>>, stamped: boolean): Promise<void> {
  await until(() => [...atApp.captures, ...atBroker.captures].every(({ ended }) => ended), 'all have ended');
  expect(atBroker.captures).toHaveLength(atApp.captures.length);
  for (const [i, before] of atApp.captures.entries()) {
    const after = atBroker.captures[i];
    if (stamped) {
      checkUpstream(bytesFrom('app', before), bytesFrom('app', after));
      checkDownstream(bytesFrom('broker', after), bytesFrom('broker', before));
    } else {
      for (const side of ['app', 'broker'] as const) expect(bytesFrom(side, after)).toEqual(bytesFrom(side, before));
    }
  }
}

const REACHED = [
  'observer.publishes',
  'observer.deliveries',
  'observer.hop',
  'observer.emit',
  'observer.ended',
  'publish.passed',
  'publish.succeeded',
  'publish.lost',
  'publish.confirmed',
  'delivery.passed',
  'delivery.first',
  'delivery.succeeded',
  'delivery.failed',
  'delivery.requeued',
  'delivery.deadLettered',
  'delivery.unsettled',
  'hop.passed',
  'hop.lost',
  'observer.slowness',
  'observer.watermark',
  'watermark.reached',
  'traffic.connections',
  'traffic.bypassed',
  'traffic.connectionClosed',
  'traffic.channels',
  'traffic.upstreamUp',
  'traffic.bytes',
  'traffic.added',
  'traffic.unobserved',
  'interceptor.readContext',
  'interceptor.onPublish',
  'interceptor.onDeliver',
];

test.each([...REACHED, 'nothing', 'everything'])(
  '%s throws: the same bytes pass, failures are counted',
  async (name) => {
    const watchers = new Watchers((each) => name === 'everything' || name === each);
    const rig = await startPlane(watchers, 'off');
    expect(await use(rig.vhost, rig.atApp.port)).toEqual(await use(await another()));
    await useAnother(rig.atApp.port);
    await unchanged(rig, true);
    await until(() => rig.listener.connections === 0, 'the data plane has no connection left');
    const calls = [...watchers.calls].filter(([each]) => name === 'everything' || name === each);
    if (name === 'nothing') expect([...watchers.calls.keys()]).toEqual(expect.arrayContaining(REACHED));
    else expect(calls.length).toBeGreaterThan(0);
    expect(watchers.failures).toBe(calls.reduce((sum, [, count]) => sum + count, 0));
  },
);

test('interceptor.onBarePublish throws: a message without headers passes with the stamp alone, failures are counted', async () => {
  const watchers = new Watchers((name) => name === 'interceptor.onBarePublish');
  const { vhost, atApp } = await startPlane(watchers, 'off');
  const app = await connect(vhost.url(atApp.port));
  const channel = await app.createConfirmChannel();
  await channel.assertQueue('q');
  channel.sendToQueue('q', Buffer.from('bare'));
  await channel.waitForConfirms();
  const message = await channel.get('q', { noAck: true });
  expect(message && [message.content.toString(), Object.keys(message.properties.headers ?? {})]).toEqual([
    'bare',
    ['x-tracehare-sent'],
  ]);
  expect([watchers.failures, watchers.calls.get('interceptor.onBarePublish')]).toEqual([1, 1]);
  await app.close();
});

async function another(): Promise<Vhost> {
  const vhost = await createVhost();
  atEnd(() => vhost.remove());
  return vhost;
}

test.each(['returns', 'confirms'] as const)(
  '--loss %s: everything throws, and apps see what they see of the broker',
  async (loss) => {
    const watchers = new Watchers(() => true);
    const rig = await startPlane(watchers, loss);
    expect(await use(rig.vhost, rig.atApp.port)).toEqual(await use(await another()));
    await until(() => rig.listener.connections === 0, 'the data plane has no connection left');
    expect(watchers.failures).toBe([...watchers.calls.values()].reduce((sum, count) => sum + count, 0));
  },
);

test('rules that throw, and whoever is told what was learned: passed unread and counted', async () => {
  const watchers = new Watchers(() => false);
  const treat = () => {
    throw new Error('a rule fails');
  };
  const rig = await startPlane(watchers, 'off', { group: () => '', treat });
  rig.plane.facts.onFact = () => {
    throw new Error('nobody listens');
  };
  expect(await use(rig.vhost, rig.atApp.port)).toEqual(await use(await another()));
  await unchanged(rig, false);
  expect(watchers.calls.get('traffic.unobserved')).toBeGreaterThan(0);
});
