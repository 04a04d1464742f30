import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MessageEnded, MessagesSkipped, StateAnswer, TopicsChange } from '../../src/api.ts';
import { type EventStream, readEvents } from '../../testing/event-stream.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { get, Site } from './apps.ts';

let vhost: Vhost;
let site: Site;
const streams: EventStream[] = [];

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
});

afterAll(async () => {
  for (const stream of streams) stream.close();
  await site?.stop();
  await vhost?.remove();
});

async function watch({ adminPort }: Tracehare, query: string, headers = {}): Promise<EventStream> {
  const stream = await readEvents(`http://127.0.0.1:${adminPort}/api/events?${query}`, headers);
  streams.push(stream);
  return stream;
}

const messagesOf = ({ events }: EventStream): MessageEnded[] =>
  events.filter(({ name }) => name === 'messages').map(({ data }) => data as MessageEnded);

/** What is sampled is told of anyway: here nothing is. */
const UNSAMPLED = { env: { OTEL_TRACES_SAMPLER: 'always_off' } };

describe('messages', () => {
  test.each([1, 2])('are told one by one as they end, sampled or not, with %i workers', async (workers) => {
    const sidecar = await site.sidecar({ ...UNSAMPLED, args: ['--workers', String(workers)] });
    const app = await site.connect(sidecar.port, { connection_name: 'shop-1' });
    const channel = await app.createConfirmChannel();
    const queue = `told-${workers}`;
    await channel.assertQueue(queue);
    const all = await watch(sidecar, 'of=messages');
    const mine = await watch(sidecar, `of=messages&topic=${queue}`);
    // the traffic threads are told a moment later
    await until(async () => {
      channel.sendToQueue(queue, Buffer.from('four'));
      await channel.waitForConfirms();
      return messagesOf(mine).length > 0 && messagesOf(all).length > 0;
    }, 'somebody watches');
    channel.publish('amq.direct', 'nobody', Buffer.from('x'), { mandatory: false });
    await channel.waitForConfirms();
    const lost = await all.next<MessageEnded>('messages', ({ topic }) => topic === 'amq.direct');
    expect(lost).toMatchObject({ side: 'publish', outcome: 'lost', reason: 'unroutable', app: 'shop', sampled: false });

    const taken = await get(channel, queue);
    expect(taken.content.toString()).toBe('four');
    const delivered = await mine.next<MessageEnded>('messages', ({ side }) => side === 'consume');
    expect(delivered).toMatchObject({
      topic: queue,
      pipeline: vhost.name,
      queue,
      outcome: 'success',
      reason: '',
      app: 'shop',
      bodySize: 4,
      redelivered: false,
      sampled: false,
    });
    expect(delivered.latency).toBeGreaterThan(0);
    expect(delivered.traceId).toMatch(/^[0-9a-f]{32}$/);
    const published = messagesOf(mine).find(({ side, traceId }) => side === 'publish' && traceId === delivered.traceId);
    expect(published).toMatchObject({ topic: queue, outcome: 'success', latency: null });
    expect(published?.duration).toBeGreaterThan(0);
    expect(messagesOf(mine).every(({ topic }) => topic === queue)).toBe(true);
  });

  test('are told no faster than anyone can read, and how many more there were', async () => {
    const sidecar = await site.sidecar(UNSAMPLED);
    const channel = await (await site.connect(sidecar.port)).createConfirmChannel();
    await channel.assertQueue('flood', { maxLength: 10 });
    const stream = await watch(sidecar, 'of=messages&topic=flood');
    await until(async () => {
      channel.sendToQueue('flood', Buffer.from('x'));
      await channel.waitForConfirms();
      return messagesOf(stream).length > 0;
    }, 'somebody watches');
    for (let i = 0; i < 20_000; i++) channel.sendToQueue('flood', Buffer.from('x'));
    await channel.waitForConfirms();
    const published = async () => (await sidecar.metrics()).sum('event_throughput_total', { topic: 'flood' });
    const skipped = () =>
      stream.events
        .filter(({ name }) => name === 'skipped')
        .reduce((sum, { data }) => sum + (data as MessagesSkipped).count, 0);
    await until(() => messagesOf(stream).length + skipped() >= 20_000, 'all are accounted for');
    expect(messagesOf(stream).length + skipped()).toBeLessThanOrEqual(await published());
    expect(skipped()).toBeGreaterThan(0);
    expect((await sidecar.metrics()).sum('tracehare_events_dropped_total')).toBe(0);
  });
});

describe('state and topics', () => {
  test('all comes first, and then what has changed', async () => {
    const sidecar = await site.sidecar();
    const app = await site.connect(sidecar.port);
    const channel = await app.createConfirmChannel();
    await channel.assertQueue('first');
    await channel.assertQueue('second');
    for (const queue of ['first', 'second']) channel.sendToQueue(queue, Buffer.from('x'));
    await channel.waitForConfirms();
    const stream = await watch(sidecar, 'of=state,topics&search=st&limit=1');
    const state = await stream.next<StateAnswer>('state');
    expect(state).toMatchObject({ service: 'tracehare', connections: 1, peers: [], sidecars: [{ error: null }] });
    const topics = await stream.next<TopicsChange>('topics');
    expect(topics.order).toEqual([JSON.stringify(['first', vhost.name])]);
    expect(topics.topics).toMatchObject([{ topic: 'first', publishedTotal: 1 }]);

    channel.sendToQueue('second', Buffer.from('x'));
    channel.sendToQueue('first', Buffer.from('x'));
    await channel.waitForConfirms();
    const next = await stream.next<StateAnswer>('state', ({ messages }) => messages?.published === 4);
    expect(Object.keys(next)).not.toContain('version');
    const changed = await stream.next<TopicsChange>('topics', ({ topics: [row] }) => row?.publishedTotal === 2);
    expect(changed.topics).toHaveLength(1);
  });

  test('what is not of this world is 400 with one line', async () => {
    const sidecar = await site.sidecar();
    for (const [query, line] of [
      ['', 'of: is missing; there is state, topics, messages'],
      ['of=all', 'of: there is no "all"; there is state, topics, messages'],
      ['of=topics&limit=0', 'limit: not a whole number from 1 to 500: "0"'],
    ]) {
      await expect(watch(sidecar, query)).rejects.toThrow(`400: ${line}`);
    }
  });
});

test('events are for whoever has the token, as all under /api', async () => {
  const sidecar = await site.sidecar({ args: ['--admin', '0.0.0.0:0', '--admin-token', 'secret'] });
  await expect(watch(sidecar, 'of=state')).rejects.toThrow('401');
  const basic = `Basic ${Buffer.from('anyone:secret').toString('base64')}`;
  const stream = await watch(sidecar, 'of=state', { authorization: basic });
  expect(await stream.next<StateAnswer>('state')).toMatchObject({ connections: 0 });
});

test('a sidecar that ends does not wait for those who watch', async () => {
  const sidecar = await site.sidecar();
  const stream = await watch(sidecar, 'of=state,topics,messages');
  await stream.next('state');
  expect(await sidecar.stop()).toBe(0);
});
