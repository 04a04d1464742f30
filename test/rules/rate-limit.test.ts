import type { ConfirmChannel } from 'amqplib';
import { afterEach, expect, test } from 'vitest';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { connection, consumer } from '../behaviour/amqplib.ts';

let vhost: Vhost;
let sidecar: Tracehare;

async function start(rules: string): Promise<void> {
  vhost = await createVhost();
  sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${vhost.port}`, config: rules });
}

afterEach(async () => {
  await sidecar?.stop();
  await vhost?.remove();
});

async function open(port?: number): Promise<ConfirmChannel> {
  const channel = await (await connection(vhost.url(port))).createConfirmChannel();
  channel.on('error', () => {});
  return channel;
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));
/** What a connection may send ahead of its rate: a message each way, or 10 ms of them. */
const AHEAD = 3;

test('publishes wait, in order and none dropped; other connections do not', async () => {
  await start('rules: [{ match: { exchange: slow }, rateLimit: 50 }]');
  const [limited, other] = [await open(sidecar.port), await open(sidecar.port)];
  await limited.assertExchange('slow', 'fanout');
  await limited.assertQueue('slow');
  await limited.bindQueue('slow', 'slow', '');
  const since = performance.now();
  for (const each of numbers(100)) limited.publish('slow', '', Buffer.from(each));
  await other.assertQueue('free');
  for (const each of numbers(100)) other.sendToQueue('free', Buffer.from(each));
  await other.waitForConfirms();
  await limited.waitForConfirms();
  const seconds = (performance.now() - since) / 1000;
  expect(seconds).toBeGreaterThan((100 - AHEAD) / 50);

  const { got, first } = await consumer(await open(), 'slow', { noAck: true });
  await first(100);
  expect(got.map((message) => message?.content.toString())).toEqual(numbers(100));
  const metrics = await sidecar.metrics();
  const labels = { topic: 'slow', side: 'publish' };
  const waited = metrics.sum('tracehare_rate_limited_seconds_total', labels);
  expect(waited).toBeGreaterThan(0);
  expect(waited).toBeLessThanOrEqual(seconds);
  const over = metrics.sum('tracehare_rate_limited_messages_total', labels);
  expect(over).toBeGreaterThan(0);
  expect(over).toBeLessThanOrEqual(100);
  expect(metrics.sum('tracehare_rate_limited_messages_total')).toBe(over);
  expect(metrics.sum('event_throughput_total', { topic: 'slow', side: 'publish', status: 'success' })).toBe(100);
});

test('deliveries wait, in order and none dropped', async () => {
  await start('rules: [{ match: { queue: slow }, rateLimit: 50 }]');
  const direct = await open();
  await direct.assertQueue('slow');
  for (const each of numbers(100)) direct.sendToQueue('slow', Buffer.from(each));
  await direct.waitForConfirms();
  const channel = await open(sidecar.port);
  const since = performance.now();
  const { got, first } = await consumer(channel, 'slow', { noAck: true });
  await first(100);
  expect((performance.now() - since) / 1000).toBeGreaterThan((100 - AHEAD) / 50);
  expect(got.map((message) => message?.content.toString())).toEqual(numbers(100));
  const labels = { topic: 'slow', side: 'consume' };
  const metrics = await until(async () => {
    const metrics = await sidecar.metrics();
    return metrics.sum('event_throughput_total', { ...labels, status: 'success' }) === 100 && metrics;
  }, 'all are counted');
  expect(metrics.sum('tracehare_rate_limited_seconds_total', labels)).toBeGreaterThan(0);
});

test('a connection that ends lets go what waits: nothing is lost', async () => {
  await start('rules: [{ match: { exchange: slow }, rateLimit: 1 }]\ndrain: { timeout: 0s }');
  const limited = await open(sidecar.port);
  await limited.assertExchange('slow', 'fanout');
  await limited.assertQueue('slow');
  await limited.bindQueue('slow', 'slow', '');
  const published = Promise.all(
    numbers(60).map((each) => new Promise((settle) => limited.publish('slow', '', Buffer.from(each), {}, settle))),
  );
  const held = async () =>
    (await sidecar.metrics()).sum('tracehare_rate_limited_messages_total', { topic: 'slow' }) > 0;
  await until(held, 'the limit holds some of them back');
  expect(await sidecar.stop()).toBe(0);
  await published;
  const direct = await open();
  const { got, first } = await consumer(direct, 'slow', { noAck: true });
  await first(60);
  expect(got.map((message) => message?.content.toString())).toEqual(numbers(60));
});
