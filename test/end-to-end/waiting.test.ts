import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Channel, type ChannelModel, type ConsumeMessage, connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Prometheus, startPrometheus } from '../../testing/prometheus.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { Site } from './apps.ts';

// event:oldest_waiting_seconds, as Prometheus records it, beside what apps know themselves.

const RULES = fileURLToPath(new URL('../../dashboards/prometheus/rules/waiting.yml', import.meta.url));
const FIGURE = 'event:oldest_waiting_seconds';
const PUBLISH_EVERY_MS = 100;
const TOLERANCE_S = 1;

let vhost: Vhost;
let site: Site;
let publisher: Tracehare;
let consumer: Tracehare;
let prometheus: Prometheus;

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
  [publisher, consumer] = await Promise.all([site.sidecar(), site.sidecar()]);
  prometheus = await startPrometheus({
    targets: [publisher, consumer].map(({ adminPort }) => `127.0.0.1:${adminPort}`),
    scrapeInterval: 500,
    rules: [RULES],
  });
});

afterAll(async () => {
  await site?.stop();
  await prometheus?.stop();
  await vhost?.remove();
});

/** What an app publishes to one queue and what another gets of it, by number; seconds since the epoch. */
class Traffic {
  readonly queue: string;
  readonly #published: number[] = [];
  /** those in the hands of no consumer, by number */
  readonly #waiting = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #channel!: Channel;

  constructor(queue: string) {
    this.queue = queue;
  }

  async begin(type: 'classic' | 'quorum'): Promise<void> {
    this.#channel = await site.channel(publisher.port);
    await this.#channel.assertQueue(this.queue, { durable: true, arguments: { 'x-queue-type': type } });
  }

  publish(): void {
    const number = this.#published.push(Date.now() / 1000) - 1;
    this.#waiting.add(number);
    this.#channel.sendToQueue(this.queue, Buffer.from(String(number)));
  }

  flow(): void {
    this.#timer = setInterval(() => this.publish(), PUBLISH_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  got({ content }: ConsumeMessage): number {
    const number = Number(content);
    this.#waiting.delete(number);
    return number;
  }

  /** It waits in the queue again. */
  back(numbers: Iterable<number>): void {
    for (const number of numbers) this.#waiting.add(number);
  }

  get length(): number {
    return this.#waiting.size;
  }

  /** For how long the oldest one has waited at `time`. */
  oldestAt(time: number): number {
    const first = Math.min(...this.#waiting);
    return Number.isFinite(first) ? Math.max(0, time - this.#published[first]) : 0;
  }
}

/** Settles as slowly as it is told, never more than five in hand. */
class Consumer {
  readonly #traffic: Traffic;
  readonly #held: ConsumeMessage[] = [];
  #connection!: ChannelModel;
  #timer: NodeJS.Timeout | undefined;
  /** ms for each; Infinity: it settles nothing any more */
  pace = 0;

  constructor(traffic: Traffic) {
    this.#traffic = traffic;
  }

  async begin(): Promise<void> {
    this.#connection = await connect(vhost.url(consumer.port));
    this.#connection.on('error', () => {});
    const channel = await this.#connection.createChannel();
    await channel.prefetch(5);
    await channel.consume(this.#traffic.queue, (message) => {
      if (message === null) return;
      this.#traffic.got(message);
      this.#held.push(message);
    });
    let next = 0;
    this.#timer = setInterval(() => {
      if (performance.now() < next || this.pace === Number.POSITIVE_INFINITY) return;
      next = performance.now() + this.pace;
      for (const message of this.#held.splice(0, this.pace === 0 ? 5 : 1)) channel.ack(message);
    }, 10);
  }

  /** As a process that is killed. */
  vanish(): void {
    clearInterval(this.#timer);
    (this.#connection.connection as unknown as { stream: { destroy(): void } }).stream.destroy();
    this.#traffic.back(this.#held.splice(0).map(({ content }) => Number(content)));
  }
}

/** The figure is within a second of the truth, in five evaluations one after the other at which at least `least` waited. */
async function expectTruth(traffic: Traffic, least: number): Promise<void> {
  const selector = `${FIGURE}{queue="${traffic.queue}"}`;
  const seen: string[] = [];
  let last = 0;
  let agreeing = 0;
  await until(
    async () => {
      const [evaluated] = await prometheus.query(`timestamp(${selector})`);
      if (evaluated === undefined || evaluated.value === last) return false;
      last = evaluated.value;
      const truth = traffic.oldestAt(last);
      const [{ value }] = await prometheus.query(selector, last);
      if (truth < least) return false;
      agreeing = Math.abs(value - truth) <= TOLERANCE_S ? agreeing + 1 : 0;
      seen.push(`${value.toFixed(2)} for ${truth.toFixed(2)}`);
      return agreeing === 5;
    },
    () => `${FIGURE} of ${traffic.queue} is true: ${seen.slice(-20).join(', ')}`,
    45_000,
  );
}

describe.each(['classic', 'quorum'] as const)('of a %s queue, how long its oldest message waits is true', (type) => {
  test('with a consumer that keeps up, stops, is slow, is gone, and comes back', async () => {
    const traffic = new Traffic(`waiting-${type}`);
    await traffic.begin(type);
    const first = new Consumer(traffic);
    await first.begin();
    traffic.flow();
    try {
      await expectTruth(traffic, 0);
      first.pace = Number.POSITIVE_INFINITY;
      await expectTruth(traffic, 4);
      first.pace = 3 * PUBLISH_EVERY_MS;
      await expectTruth(traffic, 6);
      first.vanish();
      await expectTruth(traffic, 8);
      const second = new Consumer(traffic);
      await second.begin();
      await until(() => traffic.length <= 1, 'it has caught up');
      await expectTruth(traffic, 0);
      second.vanish();
    } finally {
      traffic.stop();
    }
  }, 240_000);
});

test('a message that comes after a long silence has waited since it came, and not since the one before', async () => {
  const traffic = new Traffic('rare');
  await traffic.begin('classic');
  const before = new Consumer(traffic);
  await before.begin();
  traffic.publish();
  await until(() => traffic.length === 0, 'it is delivered');
  await expectTruth(traffic, 0);
  await sleep(5000);
  before.vanish();
  traffic.publish();
  await expectTruth(traffic, 1);
});

test('a queue that gets only some of an exchange’s routing keys does not wait for the others', async () => {
  const channel = await site.channel(publisher.port);
  await channel.assertExchange('events', 'direct');
  for (const key of ['made', 'sold']) {
    await channel.assertQueue(`events.${key}`);
    await channel.bindQueue(`events.${key}`, 'events', key);
  }
  const incoming = await site.channel(consumer.port);
  let got = 0;
  for (const key of ['made', 'sold']) {
    await incoming.consume(`events.${key}`, () => got++, { noAck: true, consumerTag: key });
  }
  for (const key of ['made', 'sold']) channel.publish('events', key, Buffer.from(key));
  await until(() => got === 2, 'both are delivered');
  await incoming.cancel('sold');
  const waiting = async (queue: string) => (await prometheus.query(`${FIGURE}{queue="events.${queue}"}`))[0]?.value;
  await until(async () => (await waiting('made')) === 0 && (await waiting('sold')) === 0, 'both are known');
  channel.publish('events', 'sold', Buffer.from('sold'));
  await until(async () => ((await waiting('sold')) ?? 0) > 2, 'one waits');
  expect(await waiting('made')).toBe(0);
});
