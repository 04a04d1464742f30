import { expect, test } from 'vitest';
import { BucketLayout, CHUNK } from '../../src/telemetry/metrics/bucket-layout.ts';
import { CellStore } from '../../src/telemetry/metrics/cells.ts';
import { rig } from './rig.ts';

const SUCCESS = { side: 'publish', status: 'success' };

test('topics beyond the limit share __overflow__, nothing is left uncounted, and the limit shows', async () => {
  const { recorder, scrape } = rig({ maxTopics: 2 });
  for (const topic of ['a', 'b', 'c', 'd', 'a']) recorder.publishes(topic, '/').succeeded(0);
  const metrics = await scrape();
  const count = (topic: string) => metrics.value('event_throughput_total', { ...SUCCESS, topic });
  expect([count('a'), count('b'), count('c'), count('__overflow__')]).toEqual([2, 1, undefined, 2]);
  expect(metrics.value('tracehare_label_values_folded_total', { label: 'topic' })).toBe(2);
});

test('queues and pipelines have the same limit, each for itself', async () => {
  const { recorder, scrape } = rig({ maxTopics: 1 });
  recorder.deliveries('orders', 'p1', 'q1').succeeded(0.1, false);
  recorder.deliveries('orders', 'p2', 'q2').succeeded(0.1, false);
  recorder.deliveries('orders', 'p1', 'q1').deadLettered('q3', 'expired');
  const metrics = await scrape();
  const overflow = { topic: 'orders', pipeline: '__overflow__', queue: '__overflow__' };
  expect(metrics.value('event_processing_seconds_count', overflow)).toBe(1);
  expect(metrics.value('event_dead_lettered_total', { pipeline: 'p1', queue: '__overflow__' })).toBe(1);
  expect(metrics.value('tracehare_label_values_folded_total', { label: 'pipeline' })).toBe(1);
  expect(metrics.value('tracehare_label_values_folded_total', { label: 'queue' })).toBe(2);
});

test('0 is no limit', async () => {
  const { recorder, scrape } = rig({ maxTopics: 0 });
  for (let i = 0; i < 600; i++) recorder.publishes(`topic ${i}`, '/').succeeded(0);
  const metrics = await scrape();
  expect(metrics.matching('event_throughput_total', SUCCESS)).toHaveLength(600);
  expect(metrics.matching('tracehare_label_values_folded_total')).toEqual([]);
});

test('generated names share one series, and one value of the limit', async () => {
  const { recorder, scrape } = rig({ maxTopics: 1 });
  recorder.publishes('amq.rabbitmq.reply-to.g1h3.abc==', '/').succeeded(0);
  recorder.publishes('amq.rabbitmq.reply-to.g1h3.def==', '/').succeeded(0);
  const metrics = await scrape();
  expect(metrics.value('event_throughput_total', { ...SUCCESS, topic: 'amq.rabbitmq.reply-to' })).toBe(2);
});

test('a name asked for again gets the same tally', () => {
  const { recorder } = rig();
  const same = (a: object, b: object) => a === b;
  expect(same(recorder.publishes('orders', '/'), recorder.publishes('orders', '/'))).toBe(true);
  expect(same(recorder.deliveries('orders', '/', 'q'), recorder.deliveries('orders', '/', 'q'))).toBe(true);
  expect(same(recorder.publishes('orders', '/'), recorder.publishes('orders', 'other'))).toBe(false);
});

test('a store without room for a series drops it and counts that, and the others go on', () => {
  const posted: unknown[] = [];
  const bounds = { latency: [1, 2, 3] };
  const { width } = new BucketLayout(bounds.latency);
  // what is kept free for what has no room, the count of that, and a single series
  const cells = 2 + width + CHUNK + 1 + width;
  const store = new CellStore(bounds, { postMessage: (message) => posted.push(message) }, cells);
  const fits = store.allocate('latency', ['a', '/']);
  const definitions = posted.length;
  const dropped = store.allocate('latency', ['b', '/']);
  expect(posted).toHaveLength(definitions);
  store.cells[dropped] += 1;
  store.cells[dropped + width - 1] += 1;
  expect(store.cells.subarray(fits, fits + width).every((count) => count === 0)).toBe(true);
  expect(posted[1]).toMatchObject({ type: 'define', family: 'series_dropped' });
  expect(store.cells[(posted[1] as { cell: number }).cell]).toBe(1);
});

test('every topic out of every queue is bounded as each of them is, nothing is left uncounted, and topics keep their names', async () => {
  const { recorder, scrape } = rig({ maxTopics: 10 });
  for (let topic = 0; topic < 10; topic++) {
    for (let queue = 0; queue < 10; queue++)
      recorder.deliveries(`topic ${topic}`, '/', `queue ${queue}`).succeeded(0.1, false);
  }
  const metrics = await scrape();
  const shown = metrics.matching('event_processing_seconds_count');
  expect(shown.length).toBeLessThanOrEqual(5 * 10 + 1);
  expect(metrics.sum('event_processing_seconds_count')).toBe(100);
  expect(metrics.sum('event_throughput_total', { topic: 'topic 9' })).toBe(10);
  expect(metrics.value('tracehare_label_values_folded_total', { label: 'combination' })).toBeGreaterThan(0);
});

test('topics in every pipeline, edges of every pipeline and dead letters of every queue are bounded too', async () => {
  const { recorder, scrape } = rig({ maxTopics: 10, maxEdges: 10 });
  const names = Array.from({ length: 10 }, (_, i) => `name ${i}`);
  for (const topic of names) {
    for (const name of names) {
      recorder.publishes(topic, name).succeeded(0);
      recorder.deliveries(topic, '/', 'queue').deadLettered(name, 'expired');
      const hop = { side: 'publish', vhost: '/', pipeline: name, app: topic } as const;
      recorder.hop({ ...hop, exchange: 'x', routingKey: '', queue: '' }).passed(false);
    }
  }
  const metrics = await scrape();
  for (const [metric, labels] of [
    ['event_throughput_total', SUCCESS],
    ['event_dead_lettered_total', {}],
    ['tracehare_topology_messages_total', {}],
  ] as const) {
    expect(metrics.matching(metric, labels).length, metric).toBeLessThanOrEqual(5 * 10 + 1 + 10);
    expect(metrics.sum(metric, labels), metric).toBe(100);
  }
});

test('a combination that is idle makes room for another', async () => {
  const { recorder, scrape } = rig({ maxTopics: 2, idleAfter: 1000 });
  const names = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];
  for (const pipeline of ['a', 'b'])
    for (const queue of names) recorder.deliveries(pipeline, '/', queue).succeeded(1, false);
  for (const now of [0, 1000, 2000]) recorder.sweep(now);
  recorder.deliveries('late', '/', 'late').succeeded(1, false);
  const metrics = await scrape();
  expect(metrics.value('event_processing_seconds_count', { topic: 'late', queue: 'late' })).toBe(1);
});
