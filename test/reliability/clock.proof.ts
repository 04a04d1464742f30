import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ChannelModel, connect } from 'amqplib';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { faketimeLibrary } from '../../scripts/provision.mjs';
import { temporaryFolder } from '../../testing/folder.ts';
import { startOtlpReceiver } from '../../testing/otlp.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { expectTrue, footprint, startLoad } from './load.ts';
import { startSidecar } from './prove.ts';

let broker: RabbitMQ;
beforeAll(async () => {
  broker = await startRabbitMQ();
});
afterAll(() => broker?.stop());

/** A sidecar whose wall clock can be set; a step of it moves no monotonic clock. */
async function startShifted(env: Record<string, string> = {}) {
  const library = faketimeLibrary();
  if (library === undefined) throw new Error('no libfaketime found: run `node scripts/provision.mjs faketime`');
  const folder = temporaryFolder('clock');
  onTestFinished(() => folder.remove());
  const file = join(folder.path, 'time');
  const shift = (by: string) => writeFileSync(file, `${by}\n`);
  shift('+0');
  const sidecar = await startSidecar({
    upstream: `amqp://127.0.0.1:${broker.port}`,
    env: {
      ...env,
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  });
  const reanchored = async () => (await sidecar.metrics()).sum('tracehare_clock_reanchored_total');
  return {
    sidecar,
    /** Resolves when the sidecar has followed. */
    async step(to: string) {
      const times = await reanchored();
      shift(to);
      await until(async () => (await reanchored()) > times, 'it follows the wall');
    },
  };
}

const urlOf = ({ port }: Tracehare): string => `amqp://guest:guest@127.0.0.1:${port}?heartbeat=5`;

test('the wall clock steps an hour ahead and two back: no figure is wrong for it, and no latency is an hour', async () => {
  await broker.management.call('PUT', 'queues/%2F/clock', { durable: true });
  const { sidecar, step } = await startShifted();
  const before = footprint(sidecar);
  const load = startLoad(urlOf(sidecar), 'clock');
  await load.flows();
  for (const hours of ['+1h', '-1h', '+0']) {
    await step(hours);
    await load.flows(200);
  }
  await load.end(() => sidecar);
  await expectTrue(sidecar, 'clock', load.known);
  const metrics = await sidecar.metrics();
  const [sum, count] = ['sum', 'count'].map((each) => metrics.sum(`event_latency_seconds_${each}`, { topic: 'clock' }));
  expect(count).toBeGreaterThan(0);
  // what was on its way at a step may have any latency by the wall; all others are as short as they were
  expect(sum / count).toBeLessThan(600);
  expect(metrics.sum('event_processing_seconds_sum', { topic: 'clock' }) / count).toBeLessThan(10);
  await before.expectBack();
});

test('it steps back while messages wait to be tried again: each is counted once, and nothing is told that takes less than no time', async () => {
  const otlp = await startOtlpReceiver();
  onTestFinished(() => otlp.close());
  const { sidecar, step } = await startShifted({
    OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url,
    OTEL_BSP_SCHEDULE_DELAY: '100',
    OTEL_TRACES_SAMPLER: 'always_on',
  });
  const before = footprint(sidecar);
  const model: ChannelModel = await connect(urlOf(sidecar));
  const channel = await model.createConfirmChannel();
  await channel.assertQueue('tried-again');
  await channel.assertQueue('waits', { messageTtl: 2000, deadLetterExchange: '', deadLetterRoutingKey: 'tried-again' });
  await step('+30m');
  for (let message = 0; message < 10; message++) channel.sendToQueue('waits', Buffer.from(String(message)));
  await channel.waitForConfirms();
  await step('+0');
  let taken = 0;
  await channel.consume('tried-again', (message) => {
    if (message === null) return;
    taken++;
    channel.ack(message);
  });
  await until(() => taken === 10, 'all are tried again');
  await model.close();
  await until(() => otlp.spans.length >= 20, 'all spans come');
  const metrics = await sidecar.metrics();
  const ended = (side: string) => metrics.sum('event_throughput_total', { side, status: 'success' });
  expect({ published: ended('publish'), consumed: ended('consume') }).toEqual({ published: 10, consumed: 10 });
  const latencies = metrics.sum('event_latency_seconds_count');
  expect(latencies + metrics.sum('tracehare_negative_latency_total')).toBeLessThanOrEqual(10);
  expect(metrics.sum('event_latency_seconds_sum')).toBeGreaterThanOrEqual(0);
  expect(metrics.sum('event_latency_seconds_sum')).toBeLessThan(600);
  for (const { start, end, attributes } of otlp.spans) {
    expect(end).toBeGreaterThanOrEqual(start);
    expect(Number(attributes['tracehare.delay.actual'] ?? 0)).toBeGreaterThanOrEqual(0);
  }
  await before.expectBack();
});
