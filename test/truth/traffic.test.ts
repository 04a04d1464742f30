import { setImmediate as turn } from 'node:timers/promises';
import { type Channel, connect } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { Arrivals, Consumer, type Consuming, type Destination, getAll, publish } from './apps.ts';
import { random } from './bodies.ts';
import { figuresOf, sorted } from './figures.ts';
import { type Place, Site } from './site.ts';

const MESSAGES = 100_000;
const DOOMED_EVERY = 6000;

let site: Site;
beforeAll(async () => {
  site = await Site.start();
});
afterAll(() => site?.stop());

const toQueue = (queue: string): Destination => ({ exchange: '', routingKey: queue, topic: queue });
const topicOf: Consuming['topicOf'] = ({ exchange, routingKey }) => exchange || routingKey;

test('every message, confirm, delivery and settlement is counted, and every body is whole, whoever dies', async () => {
  const arrivals = new Arrivals();
  const draw = random(2);
  const finished = Promise.withResolvers<void>();
  const consumers = new Set<Consumer>();
  const consuming = new Set<Place>();
  /** published by apps that were not killed, or had passed before */
  const certain: [number, number][] = [];

  const direct = await connect(site.vhost.url());
  const broker = await direct.createChannel();
  for (const queue of ['jobs', 'billing', 'shipping', 'events', 'inbox']) await broker.assertQueue(queue);
  await broker.assertExchange('orders', 'topic');
  await broker.assertExchange('events', 'fanout');
  await broker.bindQueue('billing', 'orders', 'order.#');
  await broker.bindQueue('shipping', 'orders', 'order.shipped');
  await broker.bindQueue('events', 'events', '');

  /** Compares what an app knows of its own messages with what its link shows. */
  async function leave(place: Place): Promise<void> {
    await site.close(place);
    expect(sorted(place.app.count.figures)).toEqual(sorted(place.ledger.figures));
  }

  /** Publishes from..to; every so many messages its connection dies with some of them on their way. */
  async function produce(destination: Destination, confirms: boolean, from: number, to: number, options = '') {
    const due = from + Math.floor(draw() * DOOMED_EVERY);
    for (let next = from; next < to; ) {
      const place = await site.open(options);
      const { app, ledger } = place;
      const channel = confirms ? await app.confirmChannel() : await app.channel();
      const doom = due + DOOMED_EVERY * Math.max(0, Math.ceil((next - due) / DOOMED_EVERY));
      const first = next;
      next = await publish(app, channel, destination, first, Math.min(doom, to));
      // a reset takes with it what the broker has not read; a close can overtake what amqplib has buffered
      if ('waitForConfirms' in channel) await channel.waitForConfirms();
      else await channel.checkExchange('events');
      if (next === to) {
        await leave(place);
        certain.push([first, to]);
        return;
      }
      expect(ledger.published).toBe(next - first);
      certain.push([first, next]);
      const other = draw() < 0.5 ? await app.channel() : undefined;
      const inside = (other as { ch: number } | undefined)?.ch ?? 0;
      await site.kill(place, draw() < 0.5 ? 'FIN' : 'RST', inside, async () => {
        next = await publish(app, channel, destination, next, Math.min(next + 30, to), 40_000);
        for (let turns = Math.floor(draw() * 4); turns > 0; turns--) await turn();
      });
    }
  }

  /** Consumes on a connection of its own, on a new one whenever it dies, until all is consumed. */
  async function consume(...all: Omit<Consuming, 'arrivals' | 'topicOf' | 'seed'>[]): Promise<void> {
    for (let done = false; !done; ) {
      const place = await site.open();
      const { app } = place;
      const started: Consumer[] = [];
      for (const how of all) {
        started.push(await Consumer.start(app, { ...how, topicOf, arrivals, seed: draw() * 2 ** 31 }));
      }
      for (const consumer of started) consumers.add(consumer);
      consuming.add(place);
      done = await Promise.race([app.gone.then(() => false), finished.promise.then(() => true)]);
      consuming.delete(place);
      for (const consumer of started) consumers.delete(consumer);
      if (done) await leave(place);
    }
  }

  /** Takes as many deliveries as it may, settles none and closes the channel, again and again. */
  async function hoard(queue: string, times: number): Promise<void> {
    const place = await site.open();
    for (let time = 0; time < times; time++) {
      const how: Consuming = { queue, topicOf, prefetch: 7, settling: 'never', arrivals, seed: 0 };
      const consumer = await Consumer.start(place.app, how);
      await until(() => consumer.closeFull(), 'the consumer holds all it may');
    }
    await leave(place);
  }

  async function get(queue: string): Promise<void> {
    const place = await site.open();
    const channel: Channel = await place.app.channel();
    await getAll(place.app, channel, queue, arrivals);
    await leave(place);
  }

  /** While there are publishers, consumers die too. */
  async function killConsumers(): Promise<void> {
    for (let goal = 10_000; goal < MESSAGES; goal += 12_000) {
      await until(() => site.published >= goal || consuming.size === 0, `${goal} messages were published`, 60_000);
      const place = [...consuming][Math.floor(draw() * consuming.size)];
      if (place === undefined) continue;
      // not all of them have a queue in which there is still something to come
      place.app.hoarding = true;
      await until(() => place.ledger.unsettled > 0, 'it has unsettled deliveries', 500).catch(() => {});
      await site.kill(place, draw() < 0.5 ? 'FIN' : 'RST', 0);
    }
  }

  const resting = setInterval(() => {
    for (const consumer of consumers) consumer.settleRest();
  }, 50);
  const consumption = Promise.all([
    consume({ queue: 'jobs', prefetch: 50, settling: 'single' }, { queue: 'jobs', prefetch: 20, settling: 'batch' }),
    consume({ queue: 'jobs', prefetch: 1, settling: 'single' }, { queue: 'events', prefetch: 100, settling: 'batch' }),
    consume(
      { queue: 'billing', prefetch: 64, settling: 'batch' },
      { queue: 'events', prefetch: 9, settling: 'single' },
    ),
    consume({ queue: 'shipping', prefetch: 33, settling: 'batch' }),
  ]);
  consumption.catch(finished.reject);
  // no consumer under automatic settlement is killed: what it had read would be nobody's to know
  const shipping = await site.open();
  await Consumer.start(shipping.app, { queue: 'shipping', topicOf, prefetch: 0, settling: 'auto', arrivals, seed: 0 });

  const orders = { exchange: 'orders', topic: 'orders' };
  const events = { exchange: 'events', routingKey: '', topic: 'events' };
  await Promise.all([
    produce(toQueue('jobs'), true, 0, 25_000),
    produce(toQueue('jobs'), true, 25_000, 40_000, '?frameMax=131072'),
    produce({ ...orders, routingKey: 'order.created' }, false, 40_000, 55_000),
    produce({ ...orders, routingKey: 'order.shipped' }, true, 55_000, 63_000, '?frameMax=131072'),
    produce(events, false, 63_000, 83_000, '?frameMax=131072'),
    produce(events, true, 83_000, 98_000),
    produce(toQueue('inbox'), true, 98_000, 100_000).then(() => Promise.all([get('inbox'), get('inbox')])),
    hoard('events', 20),
    killConsumers(),
  ]);
  // those that died on their way with their app; some of these may do so too
  for (let from = MESSAGES; site.published < MESSAGES; ) {
    const to = from + MESSAGES - site.published;
    await produce(toQueue('jobs'), true, from, to);
    from = to;
  }

  let quiet = 0;
  await until(async () => {
    const counts = [];
    for (const queue of ['jobs', 'billing', 'shipping', 'events', 'inbox']) {
      counts.push((await broker.checkQueue(queue)).messageCount);
    }
    quiet = site.unsettled === 0 && counts.every((count) => count === 0) ? quiet + 1 : 0;
    return quiet === 5;
  }, 'all queues are empty');
  finished.resolve();
  await consumption;
  clearInterval(resting);
  await leave(shipping);
  await direct.close();

  expect(site.published).toBeGreaterThanOrEqual(MESSAGES);
  const missing = certain.flatMap(([from, to]) => numbers(from, to).filter((index) => !arrivals.seen.has(index)));
  expect(missing.slice(0, 10)).toEqual([]);

  const metrics = await until(async () => {
    const now = await site.sidecar.metrics();
    return now.sum('tracehare_connections') === 0 && now;
  }, 'all connections are gone');
  const total = site.total();
  expect(sorted(figuresOf(metrics))).toEqual(sorted(total.figures));
  const reasons = (name: string) => new Set(metrics.matching(name).map(({ labels }) => labels.reason));
  expect(reasons('event_requeued_total')).toEqual(
    new Set(['nack', 'reject', 'recover', 'channel_closed', 'connection_closed']),
  );
  expect(reasons('event_unknown_total')).toEqual(new Set(['connection_lost']));
  expect(metrics.sum('tracehare_unsettled_deliveries')).toBe(0);
  expect(metrics.sum('tracehare_channels')).toBe(0);
  expect(metrics.sum('tracehare_relay_bytes_total', { direction: 'downstream' })).toBe(site.bytesDown);
  expect(metrics.sum('tracehare_unobserved_total')).toBe(0);
  expect(metrics.sum('tracehare_negative_latency_total')).toBe(0);
  expect(metrics.sum('tracehare_observer_failures_total')).toBe(0);
}, 300_000);

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
