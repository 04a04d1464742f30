import type { ChannelModel } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  ConnectionsAnswer,
  LossAnswer,
  StateAnswer,
  TopicDetail,
  TopicsAnswer,
  TopologyAnswer,
  TraceAnswer,
  TracesAnswer,
} from '../../src/api.ts';
import { freePort } from '../../testing/ports.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { Site } from './apps.ts';

const N = 20;

let vhost: Vhost;
let site: Site;
/** the publisher's, which names both as peers and itself among them */
let shop: Tracehare;
/** the consumer's, which names the shop's */
let mailer: Tracehare;
/** nobody listens there */
let gone: number;
let apps: ChannelModel[];

async function get<T>({ admin }: Tracehare, path: string): Promise<T> {
  const answer = await admin(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
  gone = await freePort();
  const adminPort = await freePort();
  const mailerPort = await freePort();
  const peers = (ports: number[]) => ports.map((port) => `http://127.0.0.1:${port}`).join(',');
  shop = await site.sidecar({
    args: ['--admin', `127.0.0.1:${adminPort}`, '--peers', peers([mailerPort, adminPort, gone])],
    env: { OTEL_SERVICE_NAME: 'shop' },
  });
  mailer = await site.sidecar({
    args: ['--admin', `127.0.0.1:${mailerPort}`, '--peers', peers([adminPort])],
    env: { OTEL_SERVICE_NAME: 'mailer' },
  });
  const publisher = await site.connect(shop.port, { connection_name: 'shop' });
  const consumer = await site.connect(mailer.port, { connection_name: 'mailer' });
  apps = [publisher, consumer];
  const channel = await publisher.createConfirmChannel();
  await channel.assertQueue('mails');
  for (let i = 0; i < N; i++) channel.sendToQueue('mails', Buffer.from('x'));
  channel.publish('amq.direct', 'nobody', Buffer.from('x'));
  await channel.waitForConfirms();
  const taking = await consumer.createChannel();
  let taken = 0;
  await taking.consume('mails', (message) => {
    if (message !== null) taking.nack(message, false, taken++ < 0);
  });
  await until(() => taken === N, 'all are taken');
  await until(async () => (await get<StateAnswer>(mailer, '/api/state?own=1')).lost === N, 'all are rejected');
});

afterAll(async () => {
  await site?.stop();
  await vhost?.remove();
});

const both = () => [['the one that names it', shop] as const, ['the other one', mailer] as const];

describe('two sidecars that name each other answer as one', () => {
  test('with who is in the answer, none twice, and why one is not', async () => {
    const { sidecars, peers, service } = await get<StateAnswer>(shop, '/api/state');
    expect([service, ...peers.map((peer) => peer.service)]).toEqual(['shop', 'mailer']);
    expect(sidecars).toMatchObject([
      { url: '', error: null },
      { url: `http://127.0.0.1:${mailer.adminPort}`, error: null },
      { id: '', url: `http://127.0.0.1:${gone}`, error: expect.stringContaining('ECONNREFUSED') },
    ]);
    expect(sidecars).toHaveLength(3);
    expect((await get<StateAnswer>(shop, '/api/state?own=1')).sidecars).toHaveLength(1);
    // a peer is asked for itself alone, else the two would ask each other without end
    expect((await get<StateAnswer>(mailer, '/api/state')).peers).toMatchObject([{ service: 'shop' }]);
  });

  test('topics added up by name, latency by its buckets', async () => {
    const apart = await Promise.all([shop, mailer].map((each) => get<TopicsAnswer>(each, '/api/topics?own=1')));
    const of = (answer: TopicsAnswer) => answer.topics.find(({ topic }) => topic === 'mails');
    expect(apart.map((answer) => [of(answer)?.publishedTotal, of(answer)?.consumedTotal])).toEqual([
      [N, 0],
      [0, N],
    ]);
    expect(apart.map((answer) => of(answer)?.latency.count)).toEqual([0, N]);
    for (const [, asked] of both()) {
      const answer = await get<TopicsAnswer>(asked, '/api/topics?sort=consumed');
      expect(answer.topics.map(({ topic }) => topic)).toEqual(['mails', 'amq.direct']);
      const [row] = answer.topics;
      expect(row).toMatchObject({ publishedTotal: N, consumedTotal: N, lost: N, unsettled: 0, lossRate: 1 });
      expect(row.latency).toEqual(of(apart[1])?.latency);
      const detail = await get<TopicDetail>(asked, '/api/topics/detail?topic=mails');
      expect(detail.split).toMatchObject({ confirm: { count: N }, endToEnd: { count: N }, processing: { count: N } });
      expect(detail.lost).toEqual([{ side: 'consume', reason: 'rejected', count: N }]);
      const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
      expect(sum(detail.heatmap.counts.flat())).toBe(N);
      expect(sum(detail.row.line.lost)).toBe(N);
    }
  });

  test('both halves of the map', async () => {
    const v = vhost.name;
    for (const [, asked] of both()) {
      const { edges, nodes } = await get<TopologyAnswer>(asked, '/api/topology');
      expect(edges.map(({ id, messages }) => [id, messages])).toEqual([
        [`app:shop > exchange:${v}:amq.direct`, 1],
        [`app:shop > queue:${v}:mails`, N],
        [`queue:${v}:mails > app:mailer`, N],
      ]);
      expect(nodes).toHaveLength(4);
    }
  });

  test('traces whole, with spans of either', async () => {
    for (const [, asked] of both()) {
      const { traces } = await get<TracesAnswer>(asked, '/api/traces?topic=mails&limit=500');
      expect(traces).toHaveLength(N);
      expect(traces.every(({ spans, outcome }) => spans === 2 && outcome === 'lost')).toBe(true);
      const { spans } = await get<TraceAnswer>(asked, `/api/traces/${traces[0].traceId}`);
      expect(spans.map(({ name, service }) => [name, service])).toEqual([
        ['publish mails', 'shop'],
        ['process mails', 'mailer'],
      ]);
      expect(spans[1].parentSpanId).toBe(spans[0].spanId);
    }
  });

  test('losses and connections with the sidecar that saw them', async () => {
    for (const [, asked] of both()) {
      const { losses, matching, sidecars } = await get<LossAnswer>(asked, '/api/losses');
      expect(matching).toBe(N + 1);
      const named = (id: string) => sidecars.find((each) => each.id === id)?.name.split('@')[0];
      expect(new Set(losses.map(({ reason, sidecar }) => `${reason} ${named(sidecar)}`))).toEqual(
        new Set(['unroutable shop', 'rejected mailer']),
      );
      const times = losses.map(({ time }) => time);
      expect(times).toEqual([...times].sort().reverse());
      const { connections } = await get<ConnectionsAnswer>(asked, '/api/connections');
      expect(connections.map(({ app, sidecar }) => [app, named(sidecar)])).toEqual([
        ['shop', 'shop'],
        ['mailer', 'mailer'],
      ]);
    }
  });

  test('messages as they end, whoever sees them', async () => {
    const gone = new AbortController();
    const response = await fetch(`http://127.0.0.1:${shop.adminPort}/api/events?of=messages&topic=told`, {
      signal: gone.signal,
    });
    const [publisher, consumer] = apps;
    const channel = await publisher.createConfirmChannel();
    await channel.assertQueue('told');
    const taking = await consumer.createChannel();
    await taking.consume('told', (message) => message !== null && taking.ack(message));
    const seen = new Set<string>();
    const publishing = setInterval(() => channel.sendToQueue('told', Buffer.from('x')), 100);
    try {
      for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        for (const [, data] of chunk.matchAll(/^data: (.*)$/gm)) {
          const { side, sidecar, topic } = JSON.parse(data);
          expect(topic).toBe('told');
          seen.add(`${side} ${sidecar}`);
        }
        if (seen.size === 2) break;
      }
    } finally {
      clearInterval(publishing);
      gone.abort();
    }
    const [{ id }, { id: other }] = (await get<StateAnswer>(shop, '/api/state')).sidecars;
    expect(seen).toEqual(new Set([`publish ${id}`, `consume ${other}`]));
  });
});

test('a peer that needs a token gets admin.token, and one with another token says so in its row', async () => {
  const peerPort = await freePort();
  const config = (token: string) => `admin: { token: ${token} }\npeers: ["http://127.0.0.1:${peerPort}"]`;
  await site.sidecar({ args: ['--admin', `0.0.0.0:${peerPort}`, '--admin-token', 'right'] });
  const right = await site.sidecar({ config: config('right') });
  const wrong = await site.sidecar({ config: config('wrong') });
  expect((await get<StateAnswer>(right, '/api/state')).sidecars.map(({ error }) => error)).toEqual([null, null]);
  const [, { error }] = (await get<StateAnswer>(wrong, '/api/state')).sidecars;
  expect(error).toMatch(/^401: this needs the token of admin.token/);
});
