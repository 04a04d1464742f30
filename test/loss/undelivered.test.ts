import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Channel, type ConfirmChannel, connect } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../../testing/folder.ts';
import { type Prometheus, startPrometheus } from '../../testing/prometheus.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';

const RULES = fileURLToPath(new URL('../../dashboards/prometheus/rules/undelivered.yml', import.meta.url));

/** The rule file with its times shortened: a window of 20 s, edges of 3 s. Names stay. */
const shortened = readFileSync(RULES, 'utf8')
  .replace(/\b9m30s\b/g, '17s')
  .replace(/\b10m\b/g, '20s')
  .replace(/< 600\b/g, '< 20')
  .replace(/\b30s\b/g, '3s')
  .replace(/< 30\b/g, '< 3');
/** Longer than the publishing and consuming of one queue takes, as the window is. */
const WINDOW = 20;

let vhost: Vhost;
let publisher: Tracehare;
let consumer: Tracehare;
let prometheus: Prometheus;
const folder = temporaryFolder('undelivered');

beforeAll(async () => {
  vhost = await createVhost();
  const upstream = `amqp://127.0.0.1:${vhost.port}`;
  const config = `
rules:
  - match: { exchange: twice }
    loss: { fanout: 2 }
  - match: { exchange: '/^(short|hasty|purged|calm)$/' }
    loss: { fanout: 1 }
`;
  publisher = await startTracehare({ upstream, args: ['--loss', 'confirms'], config });
  consumer = await startTracehare({ upstream });
  const rules = join(folder.path, 'undelivered.yml');
  writeFileSync(rules, shortened);
  prometheus = await startPrometheus({
    targets: [publisher, consumer].map(({ adminPort }) => `127.0.0.1:${adminPort}`),
    scrapeInterval: 500,
    rules: [rules],
  });
  await until(
    async () => (await prometheus.query(`up offset ${WINDOW}s == 1`)).length === 2,
    'both have been scraped for as long as the window',
    60_000,
  );
});

afterAll(async () => {
  await prometheus?.stop();
  await publisher?.stop();
  await consumer?.stop();
  await vhost?.remove();
  folder.remove();
});

/** Publishes `count` messages to the exchange, each confirmed by the broker. */
async function publish(channel: ConfirmChannel, exchange: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) channel.publish(exchange, '', Buffer.from(String(i)));
  await channel.waitForConfirms();
}

/** Consumes what is in the queue, to its end; returns how many messages there were. */
async function drain(channel: Channel, queue: string): Promise<number> {
  const { messageCount } = await channel.checkQueue(queue);
  let consumed = 0;
  const { consumerTag } = await channel.consume(queue, (message) => {
    if (message === null) return;
    consumed++;
    channel.ack(message);
  });
  await until(() => consumed === messageCount, `${queue} has been consumed`);
  await channel.cancel(consumerTag);
  expect((await channel.checkQueue(queue)).messageCount).toBe(0);
  return consumed;
}

test('what queues drop, let expire or are purged of comes out as undelivered, to the message', async () => {
  const outgoing = await connect(vhost.url(publisher.port));
  const incoming = await connect(vhost.url(consumer.port));
  const from = Date.now() / 1000;
  const channel = await outgoing.createConfirmChannel();
  const reading = await incoming.createChannel();
  const queue = async (exchange: string, name: string, options = {}) => {
    await channel.assertExchange(exchange, 'fanout');
    await channel.assertQueue(name, options);
    await channel.bindQueue(name, exchange, '');
  };
  await queue('short', 'short', { maxLength: 12, arguments: { 'x-overflow': 'drop-head' } });
  await queue('hasty', 'hasty', { messageTtl: 50 });
  await queue('purged', 'purged');
  await queue('twice', 'twice-a');
  await queue('twice', 'twice-b', { maxLength: 5 });
  await queue('calm', 'calm');
  await queue('unsaid', 'unsaid', { maxLength: 1 });

  /** counted by the apps: messages that were published, times fan-out, less those that were consumed */
  const truth: Record<string, number> = {};
  await publish(channel, 'short', 40);
  truth.short = 40 - (await drain(reading, 'short'));
  await publish(channel, 'hasty', 30);
  await until(async () => (await reading.checkQueue('hasty')).messageCount === 0, 'the messages have expired');
  truth.hasty = 30 - (await drain(reading, 'hasty'));
  await publish(channel, 'purged', 25);
  const { messageCount } = await channel.purgeQueue('purged');
  await publish(channel, 'purged', 10);
  truth.purged = 35 - (await drain(reading, 'purged'));
  await publish(channel, 'twice', 20);
  truth.twice = 40 - (await drain(reading, 'twice-a')) - (await drain(reading, 'twice-b'));
  await publish(channel, 'calm', 50);
  truth.calm = 50 - (await drain(reading, 'calm'));
  await publish(channel, 'unsaid', 10);
  await drain(reading, 'unsaid');
  expect(truth).toEqual({ short: 28, hasty: 30, purged: messageCount, twice: 15, calm: 0 });
  await outgoing.close();
  await incoming.close();

  const recorded = async (name: string) =>
    Object.fromEntries((await prometheus.query(name)).map(({ labels, value }) => [labels.topic, value]));
  await until(
    async () => {
      const errors = Object.values(await recorded('event:undelivered_error:increase10m'));
      return errors.length === Object.keys(truth).length && errors.every((error) => error === 0);
    },
    'nothing is in flight any more, and the error is none',
    WINDOW * 1000,
  );
  expect(await recorded('event:undelivered:increase10m')).toEqual(truth);

  // No message is missing from what one sidecar alone can see, and no loss is told of it.
  const metrics = await publisher.metrics();
  expect(metrics.sum('event_lost_total')).toBe(0);
  expect(metrics.sum('event_unknown_total')).toBe(0);

  // At every evaluation, from the first publish until the window has passed over all of it: a queue's
  // losses happen within the window, or have left it, or some of each; never more than the error says.
  const gone = `max(event:undelivered:increase10m) == 0 and max(event:undelivered_error:increase10m) == 0`;
  await until(async () => (await prometheus.query(gone)).length > 0, 'the window has passed over it', 60_000);
  const history = async (query: string) => {
    const range = { query, start: String(from), end: String(Date.now() / 1000), step: '0.5' };
    return (
      (await prometheus.api('query_range', range)) as {
        result: { metric: { topic: string }; values: [number, string][] }[];
      }
    ).result;
  };
  const above = await history('event:undelivered:increase10m - event:undelivered_error:increase10m');
  const below = await history('event:undelivered:increase10m + event:undelivered_error:increase10m');
  expect(above.map(({ metric }) => metric.topic).sort()).toEqual(Object.keys(truth).sort());
  for (const { metric, values } of above) {
    for (const [, value] of values) expect(Number(value)).toBeLessThanOrEqual(truth[metric.topic]);
  }
  for (const { values } of below) for (const [, value] of values) expect(Number(value)).toBeGreaterThanOrEqual(0);
});
