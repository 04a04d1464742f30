import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { faketimeLibrary } from '../../scripts/provision.mjs';
import { temporaryFolder } from '../../testing/folder.ts';
import { startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { expectTrue, footprint, startLoad } from './load.ts';

test('the wall clock steps an hour ahead and two back: no figure is wrong for it, and no latency is an hour', async () => {
  const library = faketimeLibrary();
  if (library === undefined) throw new Error('no libfaketime found: run `node scripts/provision.mjs faketime`');
  const broker = await startRabbitMQ();
  onTestFinished(() => broker.stop());
  await broker.management.call('PUT', 'queues/%2F/clock', { durable: true });
  const folder = temporaryFolder('clock');
  onTestFinished(() => folder.remove());
  const file = join(folder.path, 'time');
  const shift = (hours: string) => writeFileSync(file, `${hours}\n`);
  shift('+0');
  const sidecar = await startTracehare({
    upstream: `amqp://127.0.0.1:${broker.port}`,
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      // a step of the wall moves no monotonic clock
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  });
  onTestFinished(async () => void (await sidecar.kill()));
  const before = footprint(sidecar);
  const load = startLoad(`amqp://guest:guest@127.0.0.1:${sidecar.port}?heartbeat=5`, 'clock');
  await load.flows();
  const reanchored = async () => (await sidecar.metrics()).sum('tracehare_clock_reanchored_total');
  for (const hours of ['+1h', '-1h', '+0']) {
    const times = await reanchored();
    shift(hours);
    await until(async () => (await reanchored()) > times, 'it follows the wall');
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
