import { readFileSync } from 'node:fs';
import { type Channel, type ChannelModel, type ConsumeMessage, connect } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TopologyAnswer } from '../../src/api.ts';
import { startPrometheus } from '../../testing/prometheus.ts';
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

const N = 50;
const QUEUES = ['billing', 'shipping', 'audit'];

async function topology(sidecar: Tracehare, query = ''): Promise<TopologyAnswer> {
  return (await (await sidecar.admin(`/api/topology${query}`)).json()) as TopologyAnswer;
}

/** An app as a library names its connections: `connection_name` ends in what tells instances apart. */
function instance(sidecar: Tracehare, connectionName: string): Promise<ChannelModel> {
  return site.connect(sidecar.port, { connection_name: connectionName });
}

async function publish(app: ChannelModel, exchange: string, keys: string[], mandatory = false): Promise<void> {
  const channel = await app.createConfirmChannel();
  for (let i = 0; i < N; i++) for (const key of keys) channel.publish(exchange, key, Buffer.from('x'), { mandatory });
  await channel.waitForConfirms();
  await channel.close();
}

/** Takes `count` messages; settles each with `settle`. */
async function consume(
  app: ChannelModel,
  queue: string,
  count: number,
  settle: (channel: Channel, message: ConsumeMessage, nth: number) => void = (channel, message) => channel.ack(message),
): Promise<void> {
  const channel = await app.createChannel();
  await channel.prefetch(10);
  let taken = 0;
  const { consumerTag } = await channel.consume(queue, (message) => {
    if (message !== null) settle(channel, message, taken++);
  });
  await until(() => taken === count, `${count} messages of ${queue} have come`);
  await channel.cancel(consumerTag);
  await channel.close();
}

test.each([1, 2])(
  'edges equal the truth, with %i workers, and an app that restarts stays one node',
  async (workers) => {
    const sidecar = await site.sidecar({ args: ['--workers', String(workers)] });
    const aside = await site.channel(vhost.port);
    await aside.assertExchange('orders', 'topic');
    for (const queue of QUEUES) await aside.assertQueue(queue);
    await aside.bindQueue('billing', 'orders', 'order.paid');
    await aside.bindQueue('audit', 'orders', 'order.#');

    // every app twice: what differs is gone from its name
    for (const run of [0, 1]) {
      const shop = await instance(sidecar, ['shop-6fd7c9b8d4-x2k9p', 'shop-6fd7c9b8d4-q8zvb'][run]);
      await publish(shop, 'orders', ['order.paid', 'order.sent']);
      await shop.close();

      const importer = await instance(sidecar, ['importer#1a2b3c:0', 'importer.publisher#1a2b3c:1'][run]);
      await publish(importer, '', ['shipping']);
      // goes nowhere: lost
      await publish(importer, 'orders', ['unbound'], true);
      await importer.close();

      const worker = await instance(sidecar, ['worker@10.0.0.1:1', 'worker@10.0.0.2:2'][run]);
      await consume(worker, 'billing', N);
      await consume(worker, 'shipping', N, (channel, message) => channel.nack(message, false, false));
      await worker.close();

      const auditor = await instance(sidecar, `auditor-9b2b7a4e-1111-4222-8333-0123456789a${run}`);
      // the first comes twice: routed once, delivered twice
      await consume(auditor, 'audit', 2 * N + 1, (channel, message, nth) =>
        nth === 0 ? channel.reject(message, true) : channel.ack(message),
      );
      await auditor.close();
    }

    const v = vhost.name;
    const truth = {
      [`app:shop > exchange:${v}:orders`]: [4 * N, 0],
      [`app:importer > exchange:${v}:orders`]: [2 * N, 2 * N],
      [`app:importer > queue:${v}:shipping`]: [2 * N, 0],
      [`exchange:${v}:orders > queue:${v}:billing`]: [2 * N, 0],
      [`exchange:${v}:orders > queue:${v}:audit`]: [4 * N, 0],
      [`queue:${v}:billing > app:worker`]: [2 * N, 0],
      [`queue:${v}:shipping > app:worker`]: [2 * N, 2 * N],
      [`queue:${v}:audit > app:auditor`]: [4 * N + 2, 0],
    };
    const counted = async () =>
      Object.fromEntries((await topology(sidecar)).edges.map(({ id, messages, lost }) => [id, [messages, lost]]));
    const sorted = (edges: object) => JSON.stringify(Object.entries(edges).sort());
    await until(async () => sorted(await counted()) === sorted(truth), 'they agree').catch(() => {});
    expect(await counted()).toEqual(truth);

    const { nodes, edges } = await topology(sidecar);
    expect(nodes.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual([
      'app auditor',
      'app importer',
      'app shop',
      'app worker',
      'exchange orders',
      'queue audit',
      'queue billing',
      'queue shipping',
    ]);
    for (const { source, target, lastSeen } of edges) {
      for (const end of [source, target]) expect(nodes.map(({ id }) => id)).toContain(end);
      expect(Math.abs(Date.now() - Date.parse(lastSeen))).toBeLessThan(600_000);
    }

    const metrics = await sidecar.metrics();
    for (const [id, [messages, lost]] of Object.entries(truth)) {
      expect(metrics.value('tracehare_topology_messages_total', { id, pipeline: v, vhost: v })).toBe(messages);
      expect(metrics.sum('tracehare_topology_lost_total', { id })).toBe(lost);
    }
    const titles = metrics.matching('tracehare_topology_node_info').map(({ labels }) => labels.title);
    expect(titles.sort()).toEqual(nodes.map(({ name }) => name).sort());
    expect(metrics.sum('tracehare_label_values_folded_total')).toBe(0);

    for (const query of [`?vhost=${v}`, `?pipeline=${v}`, `?vhost=${v}&pipeline=${v}`]) {
      expect((await topology(sidecar, query)).edges).toHaveLength(8);
    }
    for (const query of ['?vhost=other', '?pipeline=other']) {
      expect(await topology(sidecar, query)).toMatchObject({ nodes: [], edges: [] });
    }
  },
);

test('names that nobody chose share a node, and a library that names nothing is shown with its user', async () => {
  const sidecar = await site.sidecar();
  const app = await connect(vhost.url(sidecar.port));
  const channel = await app.createChannel();
  for (let i = 0; i < 3; i++) {
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.sendToQueue(queue, Buffer.from('x'));
    await until(() => channel.get(queue, { noAck: true }), 'it has come');
  }
  await app.close();
  const edges = async () => (await topology(sidecar)).edges.map(({ id, messages }) => [id, messages]);
  const v = vhost.name;
  expect(await edges()).toEqual([
    [`app:amqplib/guest > queue:${v}:amq.gen-*`, 3],
    [`queue:${v}:amq.gen-* > app:amqplib/guest`, 3],
  ]);

  // the queries that docs/operations.md has for a node graph
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const [edgesQuery, nodesQuery] = [...page.matchAll(/```promql\n(.*?)```/gs)].map(([, query]) => query);
  const prometheus = await startPrometheus({ targets: [`127.0.0.1:${sidecar.adminPort}`] });
  try {
    const nodes = await until(async () => {
      const found = await prometheus.query(nodesQuery);
      return found.length > 0 && found;
    }, 'it was scraped twice');
    expect(nodes.map(({ labels: { id, title, subtitle } }) => [id, title, subtitle]).sort()).toEqual([
      ['app:amqplib/guest', 'amqplib/guest', 'app'],
      [`queue:${v}:amq.gen-*`, 'amq.gen-*', `queue in ${v}`],
    ]);
    const drawn = await prometheus.query(edgesQuery);
    expect(drawn.map(({ labels: { source, target, kind } }) => `${kind} ${source} > ${target}`).sort()).toEqual([
      `deliver queue:${v}:amq.gen-* > app:amqplib/guest`,
      `publish app:amqplib/guest > queue:${v}:amq.gen-*`,
    ]);
  } finally {
    await prometheus.stop();
  }
});

test('metrics.maxEdges bounds the map: the rest is one edge of each kind, and no count is lost', async () => {
  const sidecar = await site.sidecar({ args: ['--workers', '2'], config: 'metrics: { maxEdges: 5 }' });
  for (let n = 0; n < 4; n++) {
    const app = await instance(sidecar, `bounded-${'abcd'[n]}`);
    const channel = await app.createConfirmChannel();
    for (let i = 0; i < 3; i++) channel.sendToQueue(`topic-${'klm'[i]}-${'abcd'[n]}`, Buffer.from('x'));
    await channel.waitForConfirms();
    await app.close();
  }
  const { edges, nodes } = await topology(sidecar);
  expect(edges).toHaveLength(6);
  expect(edges.reduce((sum, { messages }) => sum + messages, 0)).toBe(12);
  expect(edges).toContainEqual(
    expect.objectContaining({ id: 'app:__overflow__ > exchange:__overflow__', messages: 7, vhost: '__overflow__' }),
  );
  expect(nodes.map(({ id }) => id)).toContain('app:__overflow__');
  const metrics = await sidecar.metrics();
  expect(metrics.sum('tracehare_label_values_folded_total', { label: 'edge' })).toBeGreaterThan(0);
  expect(metrics.matching('tracehare_topology_messages_total')).toHaveLength(6);
});

test('metrics.maxEdges 0: no service map', async () => {
  const sidecar = await site.sidecar({ config: 'metrics: { maxEdges: 0 }' });
  const app = await instance(sidecar, 'unmapped');
  await publish(app, '', ['shipping']);
  await app.close();
  expect(await topology(sidecar)).toMatchObject({ nodes: [], edges: [] });
  const metrics = await sidecar.metrics();
  expect(metrics.sum('event_throughput_total', { side: 'publish' })).toBe(N);
  expect(metrics.matching('tracehare_topology_messages_total')).toEqual([]);
});
