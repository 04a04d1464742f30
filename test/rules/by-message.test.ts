import type { ConfirmChannel, ConsumeMessage, Options } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { connection, consumer } from '../behaviour/amqplib.ts';

const CONTEXT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-(0[01])$/;
const OWN = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0';

const config = `tracing: { maxTracesPerSecond: 1 }
rules:
  - match: { exchange: tenants, headers: { tenant: acme } }
    topic: acme
  - match: { exchange: tenants, headers: { tenant: true } }
    topic: tenants.other
  - match: { exchange: tenants, headers: { tenant: false, priority: '/^[1-3]$/' } }
    topic: tenants.urgent
  - match: { exchange: events, properties: { type: '/^([a-z]+).created$/', deliveryMode: 2 } }
    topic: created.$1
  - match: { exchange: events, headers: { 'ce-type': '/^com.example.(?<what>.+)$/' } }
    topic: events.\${what}
  - match: { exchange: events, headers: { 'cloudEvents:type': '/(.+)/' } }
    topic: $1
  - match: { exchange: events, properties: { appId: billing, priority: '/^[5-9]$/', contentType: true } }
    topic: events.billing
  - match: { exchange: events, properties: { type: false, contentType: application/xml } }
    topic: events.xml
  - match: { exchange: sometimes, side: publish, probability: 0.5 }
    topic: sometimes.heads
  - match: { exchange: apps, app: importer }
    topic: imported
    propagate: false
  - match: { exchange: apps, connection: '/-replica-\\d+$/' }
    topic: replicated
  - match: { exchange: all }
    sample: always
  - match: { exchange: none }
    sample: 0
  - match: { exchange: half }
    sample: 0.5
  - match: { exchange: changed, headers: { replace: 'true' } }
    headers: { add: { x-env: staging, x-by: tracehare }, remove: [x-secret], replace: true }
  - match: { exchange: changed, headers: { plain: true } }
    propagate: false
    headers: { remove: [x-secret] }
  - match: { exchange: changed }
    headers: { add: { x-env: staging, x-by: tracehare } }
  - match: { exchange: unsigned }
    propagate: false
    headers: { add: { x-env: staging } }
`;

describe('rules that go by the message and its app', () => {
  let vhost: Vhost;
  let sidecar: Tracehare;
  beforeAll(async () => {
    vhost = await createVhost();
    sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${vhost.port}`, config });
  });
  afterAll(async () => {
    await vhost?.remove();
    await sidecar?.stop();
  });

  async function open(options = {}, query = ''): Promise<ConfirmChannel> {
    const channel = await (await connection(vhost.url(sidecar.port) + query, options)).createConfirmChannel();
    channel.on('error', () => {});
    return channel;
  }

  /** What one consumer got of messages with these options published to `exchange`. */
  async function pass(exchange: string, messages: Options.Publish[], on?: ConfirmChannel): Promise<ConsumeMessage[]> {
    const channel = on ?? (await open());
    await channel.assertExchange(exchange, 'topic');
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, exchange, '#');
    const { first } = await consumer(channel, queue, { noAck: true });
    for (const [i, options] of messages.entries()) channel.publish(exchange, 'key', Buffer.from(String(i)), options);
    await channel.waitForConfirms();
    const got = await first(messages.length);
    await channel.deleteQueue(queue);
    expect(got.map(({ content }) => content.toString())).toEqual(messages.map((_, i) => String(i)));
    return got;
  }

  /** Outcomes by topic, once `total` of a side are counted. */
  async function counted(topics: string[], side: string, total: number): Promise<number[]> {
    return until(async () => {
      const metrics = await sidecar.metrics();
      const counts = topics.map((topic) => metrics.sum('event_throughput_total', { topic, side, status: 'success' }));
      return counts.reduce((sum, count) => sum + count, 0) >= total && counts;
    }, `${total} messages are counted on the ${side} side`);
  }

  const headersOf = ({ properties }: ConsumeMessage): Record<string, unknown> => properties.headers ?? {};
  const ours = ({ 'x-tracehare-sent': _, traceparent: __, ...rest }: Record<string, unknown>) => rest;
  const flags = (message: ConsumeMessage) => CONTEXT.exec(String(headersOf(message).traceparent))?.[1];

  test('headers: each message under its topic, on both sides', async () => {
    const all = [
      { tenant: 'acme' },
      { tenant: 'other' },
      { tenant: 'acme' },
      { priority: 2 },
      { priority: 5 },
      {},
      { tenant: 7 },
    ];
    await pass(
      'tenants',
      all.map((headers) => ({ headers })),
    );
    const topics = ['acme', 'tenants.other', 'tenants.urgent', 'tenants'];
    expect(await counted(topics, 'publish', 7)).toEqual([2, 2, 1, 2]);
    expect(await counted(topics, 'consume', 7)).toEqual([2, 2, 1, 2]);
  });

  test('headers: what no queue takes is lost under the topic of the message', async () => {
    const channel = await open();
    await channel.assertExchange('tenants-empty', 'topic');
    await channel.assertExchange('tenants', 'topic');
    channel.publish('tenants', 'nobody', Buffer.from('x'), { headers: { tenant: 'acme' } });
    await channel.waitForConfirms();
    await until(
      async () => (await sidecar.metrics()).sum('event_lost_total', { topic: 'acme', reason: 'unroutable' }) === 1,
      'the loss is counted',
    );
  });

  test('properties: by what kind of event a message says it is, its publisher and its content, on both sides', async () => {
    const messages: Options.Publish[] = [
      { type: 'order.created', persistent: true },
      { type: 'refund.created', persistent: true },
      { type: 'order.created', persistent: true },
      { type: 'order.created' },
      { headers: { 'ce-type': 'com.example.paid' } },
      { headers: { 'cloudEvents:type': 'shipped' } },
      { appId: 'billing', priority: 7, contentType: 'text/plain' },
      { appId: 'billing', priority: 3, contentType: 'text/plain' },
      { appId: 'billing', priority: 7 },
      { contentType: 'application/xml' },
      { contentType: 'application/xml', type: 'order' },
    ];
    await pass('events', messages);
    const expected = {
      'created.order': 2,
      'created.refund': 1,
      'events.paid': 1,
      shipped: 1,
      'events.billing': 1,
      'events.xml': 1,
      events: 4,
    };
    for (const side of ['publish', 'consume'])
      expect(await counted(Object.keys(expected), side, messages.length)).toEqual(Object.values(expected));
  });

  test('probability: each message draws for itself, and none is counted twice', async () => {
    await pass('sometimes', Array(400).fill({}));
    const [heads, tails] = await counted(['sometimes.heads', 'sometimes'], 'publish', 400);
    expect(heads + tails).toBe(400);
    // 200 expected; eight standard deviations are 80
    expect(heads).toBeGreaterThan(120);
    expect(heads).toBeLessThan(280);
    expect(await counted(['sometimes'], 'consume', 400)).toEqual([400]);
  });

  test('app and connection: by what the client calls itself, whatever its messages', async () => {
    const named = (connection_name: string) => open({ clientProperties: { connection_name } });
    const [imported] = await pass('apps', [{}], await named('importer-1'));
    const [replicated] = await pass('apps', [{}], await named('store-replica-2'));
    const [other] = await pass('apps', [{}], await named('shop'));
    expect(headersOf(imported)).toEqual({});
    expect(flags(replicated)).toBeDefined();
    expect(flags(other)).toBeDefined();
    expect(await counted(['imported', 'replicated', 'apps'], 'publish', 3)).toEqual([1, 1, 1]);
    expect(await counted(['imported', 'replicated', 'apps'], 'consume', 3)).toEqual([1, 1, 1]);
  });

  test('sample: always is beyond maxTracesPerSecond, 0 is never, a ratio in between', async () => {
    expect(new Set((await pass('all', Array(200).fill({}))).map(flags))).toEqual(new Set(['01']));
    expect(new Set((await pass('none', Array(200).fill({}))).map(flags))).toEqual(new Set(['00']));
    const half = (await pass('half', Array(400).fill({}))).filter((message) => flags(message) === '01').length;
    expect(half).toBeGreaterThan(120);
    expect(half).toBeLessThan(280);
  });

  test('sample: a message that came with a context keeps it', async () => {
    for (const flag of ['0', '1']) {
      for (const exchange of ['all', 'none']) {
        const [message] = await pass(exchange, [{ headers: { traceparent: OWN + flag } }]);
        expect(headersOf(message).traceparent).toBe(OWN + flag);
      }
    }
  });

  test('headers added: beside what the app set, never in its place', async () => {
    const got = await pass('changed', [{}, { headers: { a: 1 } }, { headers: { 'x-env': 'mine', 'x-secret': 's' } }]);
    expect(got.map((message) => ours(headersOf(message)))).toEqual([
      { 'x-env': 'staging', 'x-by': 'tracehare' },
      { a: 1, 'x-env': 'staging', 'x-by': 'tracehare' },
      { 'x-env': 'mine', 'x-secret': 's', 'x-by': 'tracehare' },
    ]);
    for (const message of got) expect(flags(message)).toBeDefined();
  });

  test('headers replaced and removed where a rule says so', async () => {
    const headers = { 'x-env': 'mine', replace: true, 'x-secret': 's', b: [1, 2] };
    const [message] = await pass('changed', [{ headers }]);
    expect(ours(headersOf(message))).toEqual({
      replace: true,
      b: [1, 2],
      'x-env': 'staging',
      'x-by': 'tracehare',
    });
    const [plain] = await pass('changed', [{ headers: { plain: 1, 'x-secret': 's' } }]);
    expect(headersOf(plain)).toEqual({ plain: 1 });
  });

  test('headers without propagation: only the rule’s', async () => {
    const [message] = await pass('unsigned', [{}]);
    expect(headersOf(message)).toEqual({ 'x-env': 'staging' });
  });

  test('headers that would exceed frame_max: the message passes as it was, and is counted', async () => {
    const channel = await open({}, '?frameMax=4096');
    const before = (await sidecar.metrics()).sum('tracehare_unobserved_total', { reason: 'frame_max' });
    // a header frame of a few bytes below the limit
    const headers = { filler: 'x'.repeat(4050) };
    const [message] = await pass('unsigned', [{ headers }], channel);
    expect(headersOf(message)).toEqual(headers);
    await until(
      async () => (await sidecar.metrics()).sum('tracehare_unobserved_total', { reason: 'frame_max' }) === before + 1,
      'it is counted',
    );
  });

  test('headers of a returned message are as the broker got them, without our own', async () => {
    const channel = await open();
    await channel.assertExchange('changed', 'topic');
    const returned = new Promise<ConsumeMessage>((resolve) => channel.once('return', resolve));
    channel.publish('changed', 'nobody-is-bound-here', Buffer.from('x'), { mandatory: true, headers: { a: 1 } });
    expect(headersOf(await returned)).toEqual({ a: 1, 'x-env': 'staging', 'x-by': 'tracehare' });
  });
});

test('kinds of events without end stay within the limit of topics', async () => {
  const vhost = await createVhost();
  const limited = `metrics: { maxTopics: 20 }
rules:
  - match: { exchange: events, properties: { type: '/(.+)/' } }
    topic: $1
`;
  const sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${vhost.port}`, config: limited });
  try {
    const channel = await (await connection(vhost.url(sidecar.port))).createConfirmChannel();
    await channel.assertExchange('events', 'topic');
    for (let i = 0; i < 700; i++) channel.publish('events', '', Buffer.from('x'), { type: `kind-${i}-` });
    await channel.waitForConfirms();
    const topics = await until(async () => {
      const samples = (await sidecar.metrics()).matching('event_bytes_total', { side: 'publish' });
      return samples.reduce((sum, { value }) => sum + value, 0) === 700 && samples.map(({ labels }) => labels.topic);
    }, 'all are counted');
    expect(topics.length).toBeLessThanOrEqual(21);
    expect(topics).toContain('__overflow__');
  } finally {
    await vhost.remove();
    await sidecar.stop();
  }
});
