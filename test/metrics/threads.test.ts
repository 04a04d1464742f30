import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { Exposition } from '../../src/telemetry/exposition/exposition.ts';
import { Metrics } from '../../testing/metrics.ts';
import { until } from '../../testing/wait.ts';
import { rig, SHAPE, textOf } from './rig.ts';

const SUCCESS = { side: 'publish', status: 'success' };

test('what another thread counts is read while it runs, without its help', async () => {
  const exposition = new Exposition({ ...SHAPE, version: '1' });
  const { port1, port2 } = new MessageChannel();
  exposition.attach(port1);
  const worker = new Worker(new URL('./counting-thread.ts', import.meta.url), {
    workerData: { port: port2, shape: SHAPE, count: 100_000 },
    transferList: [port2],
  });
  try {
    // The worker never returns to its event loop: all that is read here is on the cells.
    await until(async () => {
      const metrics = new Metrics(await textOf(exposition.render()));
      return metrics.value('event_throughput_total', { topic: 'orders', ...SUCCESS }) === 100_000;
    }, 'the other thread has counted');
    const metrics = new Metrics(await textOf(exposition.render()));
    expect(metrics.value('event_confirm_seconds_count', { topic: 'orders' })).toBe(100_000);
    expect(metrics.value('event_bytes_total', { topic: 'orders', side: 'publish' })).toBe(700_000);
  } finally {
    const exited = once(worker, 'exit');
    await worker.terminate();
    await exited;
  }
});

test('figures of several threads add up', async () => {
  const { recorder, thread, scrape } = rig();
  const other = thread();
  for (const tally of [recorder.publishes('orders', '/'), other.recorder.publishes('orders', '/')]) {
    tally.succeeded(0.1);
    tally.confirmed(0.1);
  }
  recorder.traffic.connections(1);
  other.recorder.traffic.connections(1);
  const metrics = await scrape();
  expect(metrics.value('event_throughput_total', SUCCESS)).toBe(2);
  expect(metrics.value('event_confirm_seconds_bucket', { le: '0.2' })).toBe(2);
  expect(metrics.value('event_confirm_seconds_sum')).toBeCloseTo(0.2);
  expect(metrics.value('tracehare_connections')).toBe(2);
});

test('a counter never goes back when one thread frees a topic that another still counts', async () => {
  const { recorder, thread, scrape } = rig({ idleAfter: 1 });
  const busy = thread().recorder.publishes('orders', '/');
  const idle = recorder.publishes('orders', '/');
  for (let i = 0; i < 10; i++) idle.succeeded(0.1);
  busy.succeeded(0.1);
  const count = async () => (await scrape()).value('event_throughput_total', SUCCESS);
  expect(await count()).toBe(11);
  recorder.sweep(0);
  recorder.sweep(10);
  expect(await count()).toBe(11);
  busy.succeeded(0.1);
  idle.succeeded(0.1);
  expect(await count()).toBe(13);
  expect((await scrape()).value('messaging_client_operation_duration_seconds_count')).toBe(13);
});

test('an upstream is as the thread that dialled last found it', async () => {
  const { recorder, thread, scrape } = rig();
  const other = thread().recorder;
  const up = async () => (await scrape()).value('tracehare_upstream_up', { upstream: 'broker:5672' });
  other.traffic.upstreamUp('broker:5672', false);
  await nextMillisecond();
  recorder.traffic.upstreamUp('broker:5672', true);
  expect(await up()).toBe(1);
  await nextMillisecond();
  other.traffic.upstreamUp('broker:5672', false);
  expect(await up()).toBe(0);
});

/** A later telling carries a later millisecond. */
async function nextMillisecond(): Promise<void> {
  const now = Date.now();
  await until(() => Date.now() > now, 'the clock moves on');
}

test('a thread that is gone takes its gauges along, not the counts of what others count too', async () => {
  const { recorder, thread, scrape } = rig();
  const { recorder: dying, detach } = thread();
  for (const each of [recorder, dying]) {
    each.publishes('orders', '/').succeeded(0);
    each.traffic.bytes('upstream', 5);
    each.traffic.connections(1);
  }
  detach();
  const metrics = await scrape();
  expect(metrics.value('event_throughput_total', SUCCESS)).toBe(2);
  expect(metrics.value('tracehare_relay_bytes_total', { direction: 'upstream' })).toBe(10);
  expect(metrics.value('tracehare_connections')).toBe(1);
});

test('a limit of label values holds over all threads, and what is beyond it is counted together', async () => {
  const { recorder, thread, scrape } = rig({ maxTopics: 2, idleAfter: 1 });
  const other = thread().recorder;
  for (const topic of ['a', 'b']) recorder.publishes(topic, '/').succeeded(0);
  await scrape();
  for (const topic of ['b', 'c']) other.publishes(topic, '/').succeeded(0);
  const counts = async (): Promise<Record<string, number>> => {
    const found = (await scrape()).matching('event_throughput_total', SUCCESS);
    return Object.fromEntries(found.map(({ labels, value }) => [labels.topic, value]));
  };
  expect(await counts()).toEqual({ a: 1, b: 2, __overflow__: 1 });
  const folded = async () => (await scrape()).value('tracehare_label_values_folded_total', { label: 'topic' });
  expect(await folded()).toBe(1);
  // all that is counted of a topic stays together, also when there is room again
  recorder.sweep(0);
  recorder.sweep(10);
  other.publishes('c', '/').lost('nacked', 0);
  expect((await scrape()).value('event_lost_total', { reason: 'nacked' })).toBe(1);
  expect((await scrape()).matching('event_lost_total')[0].labels.topic).toBe('__overflow__');
  // a new name has a's place
  recorder.publishes('d', '/').succeeded(0);
  expect(await counts()).toEqual({ b: 2, __overflow__: 1, d: 1 });
  expect(await folded()).toBe(1);
});
