import type { ChannelModel } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  ConnectionsAnswer,
  LossAnswer,
  Merged,
  StateAnswer,
  TopicDetail,
  TopicsAnswer,
  TraceAnswer,
  TracesAnswer,
} from '../../src/api.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { Site } from './apps.ts';

let vhost: Vhost;
let site: Site;

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
});

afterAll(async () => {
  await site?.stop();
  await vhost?.remove();
});

const N = 40;

async function get<T>({ admin }: Tracehare, path: string): Promise<T> {
  const answer = await admin(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

const inUrl = encodeURIComponent;

/** Publishes with confirms, `count` to the queue of that name and as many that nobody takes. */
async function publish(app: ChannelModel, queue: string, count: number, lost = 0): Promise<void> {
  const channel = await app.createConfirmChannel();
  for (let i = 0; i < count; i++) channel.sendToQueue(queue, Buffer.from('four'));
  for (let i = 0; i < lost; i++) channel.publish('amq.direct', `nobody-${queue}`, Buffer.from('x'));
  await channel.waitForConfirms();
  await channel.close();
}

async function consume(app: ChannelModel, queue: string, count: number): Promise<void> {
  const channel = await app.createChannel();
  let taken = 0;
  const { consumerTag } = await channel.consume(queue, (message) => {
    taken++;
    if (message !== null) channel.ack(message);
  });
  await until(() => taken === count, `${count} messages of ${queue} have come`);
  await channel.cancel(consumerTag);
  await channel.close();
}

async function declared(...queues: string[]): Promise<void> {
  const aside = await site.channel(vhost.port);
  for (const queue of queues) await aside.assertQueue(queue);
}

describe('figures of topics', () => {
  let sidecar: Tracehare;

  beforeAll(async () => {
    sidecar = await site.sidecar();
    await declared('orders', 'mails');
    const app = await site.connect(sidecar.port, { connection_name: 'shop' });
    await publish(app, 'orders', N, 3);
    await consume(app, 'orders', N);
    await publish(app, 'mails', 5);
    await app.close();
    await until(async () => (await get<StateAnswer>(sidecar, '/api/state')).messages.delivered === N, 'all is counted');
  });

  test('are those of /metrics', async () => {
    const { topics, matching } = await get<TopicsAnswer>(sidecar, '/api/topics');
    const metrics = await sidecar.metrics();
    expect(topics.map(({ topic }) => topic)).toEqual(['amq.direct', 'mails', 'orders']);
    expect(matching).toBe(3);
    for (const row of topics) {
      const labels = { topic: row.topic, pipeline: row.pipeline };
      expect(row.pipeline).toBe(vhost.name);
      expect(row.publishedTotal).toBe(metrics.sum('event_throughput_total', { ...labels, side: 'publish' }));
      expect(row.consumedTotal).toBe(metrics.sum('event_throughput_total', { ...labels, side: 'consume' }));
      expect(row.lost).toBe(metrics.sum('event_lost_total', labels));
      expect(row.latency.count).toBe(metrics.sum('event_latency_seconds_count', labels));
      expect(row.unsettled).toBe(metrics.sum('tracehare_unsettled_deliveries', labels));
    }
    const [lost, , orders] = topics;
    expect([lost.lost, lost.lossRate, orders.lossRate]).toEqual([3, 1, 0]);
    const { p50, p95, p99 } = orders.latency;
    expect(Number(p50)).toBeGreaterThan(0);
    expect(Number(p95)).toBeGreaterThanOrEqual(Number(p50));
    expect(Number(p99)).toBeGreaterThanOrEqual(Number(p95));
  });

  test('are sorted, searched and shown by the page', async () => {
    const names = async (query: string) => {
      const { topics, matching } = await get<TopicsAnswer>(sidecar, `/api/topics?${query}`);
      return [matching, ...topics.map(({ topic }) => topic)];
    };
    expect(await names('sort=lost&limit=1')).toEqual([3, 'amq.direct']);
    expect(await names('sort=-topic')).toEqual([3, 'orders', 'mails', 'amq.direct']);
    expect(await names('sort=consumed&limit=1&offset=0')).toEqual([3, 'orders']);
    expect(await names('search=MAIL')).toEqual([1, 'mails']);
    expect(await names('offset=2')).toEqual([3, 'orders']);
    expect(await names('search=none')).toEqual([0]);
  });

  test('have a line whose points add up to the counts', async () => {
    const { topics, line } = await get<TopicsAnswer>(sidecar, '/api/topics?search=orders');
    const [{ line: of }] = topics;
    expect(line.stepMs).toBe(10_000);
    expect(of.rate).toHaveLength(line.points);
    expect(of.p95).toHaveLength(line.points);
    const { heatmap, ...detail } = await get<TopicDetail>(sidecar, '/api/topics/detail?topic=orders');
    const metrics = await sidecar.metrics();
    const buckets = metrics.matching('event_latency_seconds_bucket', { topic: 'orders' }).map(({ value }) => value);
    const cumulative = heatmap.counts
      .reduce(
        (sums, counts) => sums.map((sum, i) => sum + counts[i]),
        buckets.map(() => 0),
      )
      .map((_, i, counts) => counts.slice(0, i + 1).reduce((a, b) => a + b, 0));
    expect(cumulative).toEqual(buckets);
    expect(heatmap.bounds).toHaveLength(buckets.length - 1);
    expect(detail.line.points).toBe(heatmap.counts.length);
    const lost = await get<TopicDetail>(sidecar, '/api/topics/detail?topic=amq.direct');
    expect(lost.row.line.lost.reduce((a, b) => a + b, 0)).toBe(3);
  });

  test('of one topic tell where the time goes and what was lost', async () => {
    const orders = await get<TopicDetail>(sidecar, `/api/topics/detail?topic=orders&pipeline=${inUrl(vhost.name)}`);
    expect(orders.split.confirm.count).toBe(N);
    expect(orders.split.endToEnd.count).toBe(N);
    expect(orders.split.processing.count).toBe(N);
    expect(orders.bytes).toEqual({ publish: 4 * N, consume: 4 * N });
    expect(orders.queues).toMatchObject([{ queue: 'orders', unsettled: 0, processing: { count: N } }]);
    expect(orders.newest.length).toBeGreaterThan(0);
    expect(orders.newest.every(({ topics }) => topics.includes('orders'))).toBe(true);
    const durations = orders.slowest.map(({ duration }) => duration);
    expect(durations).toEqual([...durations].sort((a, b) => b - a));
    const direct = await get<TopicDetail>(sidecar, '/api/topics/detail?topic=amq.direct');
    expect(direct.lost).toEqual([{ side: 'publish', reason: 'unroutable', count: 3 }]);
    expect(direct.row.lost).toBe(3);
  });

  test('of a topic that nobody has used are 404 with one line', async () => {
    const answer = await sidecar.admin('/api/topics/detail?topic=none');
    expect(answer.status).toBe(404);
    expect(await answer.text()).toMatch(/^no topic "none" has had messages here lately; there is GET \/api\/topics\n$/);
  });
});

describe('traces', () => {
  test('are kept without an endpoint, and are those of the messages', async () => {
    const sidecar = await site.sidecar();
    await declared('traced');
    const app = await site.connect(sidecar.port);
    await publish(app, 'traced', 3, 2);
    await consume(app, 'traced', 3);
    const found = await until(async () => {
      const answer = await get<TracesAnswer>(sidecar, '/api/traces?topic=traced');
      return answer.traces.length === 3 && answer.traces.every(({ spans }) => spans === 2) && answer;
    }, 'three traces are whole');
    expect(found.matching).toBe(3);
    for (const trace of found.traces) {
      expect(trace).toMatchObject({ outcome: 'success', reason: '', name: 'publish traced', topics: ['traced'] });
    }
    const [{ traceId }] = found.traces;
    const { spans } = await get<TraceAnswer>(sidecar, `/api/traces/${traceId}`);
    expect(spans).toMatchObject([
      { name: 'publish traced', kind: 'producer', parentSpanId: '', service: 'tracehare' },
      { name: 'process traced', kind: 'consumer', parentSpanId: spans[0].spanId, sidecar: spans[0].sidecar },
    ]);
    expect(spans[0].attributes).toMatchObject({
      'messaging.system.name': 'rabbitmq',
      'messaging.destination.template': 'traced',
      'messaging.message.body.size': 4,
      'tracehare.confirmed': true,
    });
    for (const { startMicros, endMicros } of spans) expect(endMicros).toBeGreaterThanOrEqual(startMicros);

    const lost = await get<TracesAnswer>(sidecar, '/api/traces?outcome=lost');
    expect(lost.traces).toHaveLength(2);
    expect(lost.traces[0]).toMatchObject({ outcome: 'lost', reason: 'unroutable', topics: ['amq.direct'] });
    expect((await get<TracesAnswer>(sidecar, '/api/traces?outcome=failed')).matching).toBe(2);
    expect((await get<TracesAnswer>(sidecar, '/api/traces?least=3600')).matching).toBe(0);
    const { losses } = await get<LossAnswer>(sidecar, '/api/losses');
    expect(losses.map((loss) => loss.traceId).sort()).toEqual(lost.traces.map((trace) => trace.traceId).sort());
    const [span] = (await get<TraceAnswer>(sidecar, `/api/traces/${lost.traces[0].traceId}`)).spans;
    expect(span).toMatchObject({ status: { code: 'error' }, outcome: 'lost', events: [{ name: 'basic.return' }] });
    expect((await sidecar.admin(`/api/traces/${'0'.repeat(31)}1`)).status).toBe(404);
    await app.close();
  });

  test('are none where page.traces is 0KiB', async () => {
    const sidecar = await site.sidecar({ args: ['--page-traces', '0KiB'] });
    await declared('untraced');
    const app = await site.connect(sidecar.port);
    await publish(app, 'untraced', 3);
    await app.close();
    await until(async () => (await sidecar.metrics()).sum('event_throughput_total') === 3, 'they are counted');
    expect(await get<TracesAnswer>(sidecar, '/api/traces')).toMatchObject({ traces: [], kept: { maxBytes: 0 } });
  });
});

test.each([1, 2])('connections are listed with their channels and consumers, with %i workers', async (workers) => {
  const sidecar = await site.sidecar({ args: ['--workers', String(workers)] });
  await declared('listed');
  const shop = await site.connect(sidecar.port, { connection_name: 'shop-1' });
  const channel = await shop.createChannel();
  await channel.prefetch(7);
  await channel.prefetch(70, true);
  await publish(shop, 'listed', 3);
  let held = 0;
  await channel.consume('listed', () => held++, { consumerTag: 'slow' });
  await until(() => held === 3, 'three are held');
  const idle = await site.connect(sidecar.port, { connection_name: 'idle' });
  await until(async () => (await get<ConnectionsAnswer>(sidecar, '/api/connections')).matching === 2, 'both are there');
  const { connections, matching } = await get<ConnectionsAnswer>(sidecar, '/api/connections?search=LISTED');
  expect(matching).toBe(1);
  expect(connections).toHaveLength(1);
  const [row] = connections;
  expect(row).toMatchObject({
    app: 'shop',
    name: 'shop-1',
    vhost: vhost.name,
    bypass: '',
    blocked: null,
    unsettled: 3,
  });
  expect(row.client).toContain('amqplib');
  expect(row.peer).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(row.channels).toEqual([
    {
      channel: 1,
      state: 'plain',
      prefetch: 7,
      prefetchGlobal: 70,
      unsettled: 3,
      openPublishes: 0,
      consumers: [{ tag: 'slow', queue: 'listed', noAck: false }],
      moreConsumers: 0,
    },
  ]);
  const state = await get<StateAnswer>(sidecar, '/api/state');
  expect([state.connections, state.unsettled]).toEqual([2, 3]);
  const one = await get<ConnectionsAnswer>(sidecar, '/api/connections?limit=1&offset=1');
  expect([one.matching, one.connections.map(({ name }) => name)]).toEqual([2, ['idle']]);
  await shop.close();
  await idle.close();
  await until(async () => (await get<ConnectionsAnswer>(sidecar, '/api/connections')).matching === 0, 'none is left');
  const aside = await site.channel(vhost.port);
  await aside.purgeQueue('listed');
});

test('the state says what runs and where things go', async () => {
  const sidecar = await site.sidecar({
    env: {
      OTEL_SERVICE_NAME: 'orders',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:secret@127.0.0.1:9/base?key=secret',
    },
    args: ['--loss', 'confirms'],
  });
  const state = await get<StateAnswer>(sidecar, '/api/state');
  expect(state).toMatchObject({
    service: 'orders',
    loss: 'confirms',
    config: { file: null, lastReloadFailed: false },
    spans: { exporters: ['otlp'], endpoint: 'http://127.0.0.1:9/base', kept: { maxBytes: 16 * 2 ** 20 } },
    metrics: { path: '/metrics' },
    bypass: false,
    blocked: { connections: 0, reason: null },
    peers: [],
  });
  expect(JSON.stringify(state)).not.toContain('secret');
  expect(state.name).toBe(`orders@${state.host}:${sidecar.port}`);
  expect(state.sidecars).toEqual([
    { id: state.id, name: state.name, url: '', error: null },
  ] satisfies Merged['sidecars']);
});
