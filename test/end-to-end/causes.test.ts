import { fileURLToPath } from 'node:url';
import type { Channel, ConsumeMessage } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pikaPython } from '../../scripts/provision.mjs';
import type { ReceivedSpan } from '../../testing/otlp.ts';
import { start } from '../../testing/processes.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { get, Site, traceparent } from './apps.ts';
import { Spans } from './spans.ts';
import { traceOf, treeOf } from './tree.ts';

const PIKA = fileURLToPath(new URL('../clients/pika_passes_on.py', import.meta.url));

let vhost: Vhost;
let site: Site;
let spans: Spans;
/** with causes as links, and as parents: the latter two stand beside different apps */
let linking: Tracehare;
let first: Tracehare;
let second: Tracehare;

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
  spans = await Spans.start();
  const config = (cause: string) => `tracing: { maxTracesPerSecond: 1000, cause: ${cause} }`;
  linking = await site.sidecar({ env: spans.from('linking'), config: config('link') });
  first = await site.sidecar({ env: spans.from('first'), config: config('parent') });
  second = await site.sidecar({ env: spans.from('second'), config: config('parent') });
});

afterAll(async () => {
  await site?.stop();
  await spans?.stop();
  await vhost?.remove();
});

/** Handles each message of a queue in the order in which they come, `prefetch` of them held. */
async function handle(
  port: number,
  queue: string,
  handler: (message: ConsumeMessage, channel: Channel) => unknown,
  prefetch = 1,
): Promise<Channel> {
  const channel = await site.channel(port);
  await channel.prefetch(prefetch);
  await channel.assertQueue(queue);
  await channel.consume(queue, (message) => handler(message as ConsumeMessage, channel));
  return channel;
}

/** Waits for so many publishes of a topic; in their order. */
async function published(topic: string, count: number): Promise<ReceivedSpan[]> {
  const of = () => spans.of(topic).filter(({ name }) => name.startsWith('publish'));
  await until(
    () => of().length >= count,
    () => `${count} publishes of ${topic} are exported, not ${of().length}`,
  );
  return of().toSorted((a, b) => Number(a.start - b.start));
}

const processed = (topic: string): ReceivedSpan[] => spans.of(topic).filter(({ name }) => name.startsWith('process'));

/** What a publish is known to come of. */
const causeOf = ({ attributes, links }: ReceivedSpan) => ({ cause: attributes['tracehare.cause'], links });

const COMES_OF_NOTHING = { cause: undefined, links: [] };

describe('tracing.cause: parent', () => {
  test('an order, its payment and its receipt are one trace, with apps in JavaScript and Python that know of none', async () => {
    const sender = await site.channel(first.port);
    for (const queue of ['orders', 'payments', 'receipts']) await sender.assertQueue(queue);
    const pika = start(pikaPython() ?? 'python3', [PIKA, vhost.url(second.port), 'orders', 'payments'], {});
    try {
      await handle(first.port, 'payments', (message, channel) => {
        channel.sendToQueue('receipts', Buffer.from('receipt'));
        channel.ack(message);
      });
      const done: unknown[] = [];
      await handle(second.port, 'receipts', (message, channel) => {
        done.push(message);
        channel.ack(message);
      });
      for (let i = 0; i < 20; i++) sender.sendToQueue('orders', Buffer.from(`${i}`));
      await until(() => done.length === 20, 'all receipts have come');
      const orders = await published('orders', 20);
      for (const { traceId } of orders) {
        await until(
          () => traceOf(spans.receiver.spans, traceId).length === 6,
          () => `an order is one trace:\n${treeOf(traceOf(spans.receiver.spans, traceId))}`,
        );
        expect(treeOf(traceOf(spans.receiver.spans, traceId))).toBe(
          [
            'publish orders',
            '  process orders',
            '    publish payments',
            '      process payments',
            '        publish receipts',
            '          process receipts',
          ].join('\n'),
        );
      }
    } finally {
      pika.kill();
    }
  });

  test('a context that an app copies stays in the message, and its publish is below what it handles', async () => {
    await handle(first.port, 'copied', ({ properties: { headers }, ...message }, channel) => {
      channel.sendToQueue('copies', Buffer.from('x'), { headers: { traceparent: headers?.traceparent } });
      channel.ack(message as ConsumeMessage);
    });
    const sender = await site.channel(first.port);
    await sender.assertQueue('copies');
    sender.sendToQueue('copied', Buffer.from('x'));
    const [{ traceId, spanId }] = await published('copied', 1);
    const [copy] = await published('copies', 1);
    await until(() => processed('copied').length === 1, 'what was handled is exported');
    expect(copy).toMatchObject({ traceId, parentSpanId: processed('copied')[0].spanId, links: [] });
    expect(copy.attributes['tracehare.cause']).toBe('traceparent');
    expect(traceparent(await get(sender, 'copies'))).toBe(`00-${traceId}-${spanId}-01`);
  });

  test('what comes of an unsampled message is of its trace, and unsampled', async () => {
    const sidecar = await site.sidecar({
      env: spans.from('unsampled', { OTEL_TRACES_SAMPLER: 'parentbased_always_off' }),
      config: 'tracing: { cause: parent }',
    });
    const channel = await handle(sidecar.port, 'quiet', (message, channel) => {
      channel.sendToQueue('quieter', Buffer.from('x'));
      channel.ack(message);
    });
    await channel.assertQueue('quieter');
    const traceparents: string[] = [];
    await handle(vhost.port, 'quieter', ({ properties: { headers } }) => traceparents.push(headers?.traceparent));
    const own = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`;
    (await site.channel(sidecar.port)).sendToQueue('quiet', Buffer.from('x'), { headers: { traceparent: own } });
    await until(() => traceparents.length === 1, 'the second message has come');
    expect(traceparents[0]).toMatch(new RegExp(`^00-${'a'.repeat(32)}-[0-9a-f]{16}-00$`));
  });
});

describe('a link, by default', () => {
  test('to the only delivery that the connection holds', async () => {
    const channel = await handle(linking.port, 'alone', (message, channel) => {
      channel.sendToQueue('alone.result', Buffer.from('x'));
      channel.ack(message);
    });
    await channel.assertQueue('alone.result');
    channel.sendToQueue('alone', Buffer.from('x'));
    const [result] = await published('alone.result', 1);
    await until(() => processed('alone').length === 1, 'what was handled is exported');
    const [{ traceId, spanId }] = processed('alone');
    expect(causeOf(result)).toEqual({
      cause: 'only_open_delivery',
      links: [{ traceId, spanId, attributes: { 'tracehare.cause': 'only_open_delivery' } }],
    });
    expect(result).toMatchObject({ parentSpanId: '' });
    expect(result.traceId).not.toBe(traceId);
  });

  test('by the message or correlation id that is carried on, whatever else is open', async () => {
    const held: ConsumeMessage[] = [];
    const channel = await handle(linking.port, 'named', (message) => held.push(message), 10);
    await channel.assertQueue('named.result');
    for (const id of ['m-0', 'm-1', 'm-2', 'm-3']) {
      channel.sendToQueue('named', Buffer.from('x'), { messageId: id, correlationId: `c-${id}` });
    }
    await until(() => held.length === 4, 'all are held');
    // the first that names anything shows that this app does: what is open by then is not compared, unless it is sampled
    channel.sendToQueue('named.result', Buffer.from('x'), { correlationId: 'm-2' });
    channel.sendToQueue('named.result', Buffer.from('x'), { correlationId: 'c-m-1' });
    channel.sendToQueue('named.result', Buffer.from('x'), { messageId: 'm-3' });
    channel.sendToQueue('named.result', Buffer.from('x'), { correlationId: 'another', messageId: 'another' });
    channel.sendToQueue('named.result', Buffer.from('x'));
    const results = await published('named.result', 5);
    for (const message of held) channel.ack(message);
    await until(() => processed('named').length === 4, 'what was handled is exported');
    const known = results.map(({ attributes, links }) => [
      attributes['tracehare.cause'],
      processed('named').find(({ spanId }) => spanId === links[0]?.spanId)?.attributes['messaging.message.id'],
    ]);
    expect(known).toEqual([
      ['correlation_id', 'm-2'],
      ['correlation_id', 'm-1'],
      ['message_id', 'm-3'],
      [undefined, undefined],
      [undefined, undefined],
    ]);
  });

  test('to none of several with the same correlation id', async () => {
    const held: ConsumeMessage[] = [];
    const channel = await handle(linking.port, 'shared', (message) => held.push(message), 10);
    await channel.assertQueue('shared.result');
    for (let i = 0; i < 2; i++) channel.sendToQueue('shared', Buffer.from('x'), { correlationId: 'one-order' });
    await until(() => held.length === 2, 'both are held');
    channel.sendToQueue('shared.result', Buffer.from('x'), { correlationId: 'one-order' });
    const [result] = await published('shared.result', 1);
    expect(causeOf(result)).toEqual(COMES_OF_NOTHING);
  });

  test('to nothing where the app acks before it publishes, though it holds the next delivery by then', async () => {
    const handled: ConsumeMessage[] = [];
    const channel = await handle(linking.port, 'early', (message, channel) => {
      channel.ack(message);
      handled.push(message);
      // for the one before, as an app does that waits for something in between
      if (handled.length > 1) channel.sendToQueue('early.result', Buffer.from('x'));
    });
    await channel.assertQueue('early.result');
    for (let i = 0; i < 30; i++) channel.sendToQueue('early', Buffer.from('x'));
    for (const result of await published('early.result', 29)) expect(causeOf(result)).toEqual(COMES_OF_NOTHING);
  });

  test('to nothing for messages that the app is seen to publish by itself', async () => {
    let timer: () => void = () => {};
    const held: ConsumeMessage[] = [];
    const channel = await handle(linking.port, 'work', (message, channel) => {
      held.push(message);
      channel.sendToQueue('work.result', Buffer.from('x'));
      timer();
    });
    for (const queue of ['work.result', 'heartbeats']) await channel.assertQueue(queue);
    const beat = () => channel.sendToQueue('heartbeats', Buffer.from('x'));
    channel.sendToQueue('work', Buffer.from('1'));
    await until(() => held.length === 1, 'the first is held');
    channel.ack(held[0]);
    // an answer says that the ack was read
    await channel.checkQueue('work');
    beat();
    timer = beat;
    channel.sendToQueue('work', Buffer.from('2'));
    await until(() => held.length === 2, 'the second is held');
    for (const each of await published('heartbeats', 2)) expect(causeOf(each)).toEqual(COMES_OF_NOTHING);
    for (const each of await published('work.result', 2)) expect(causeOf(each).cause).toBe('only_open_delivery');
  });

  test('to nothing where deliveries need no settlement', async () => {
    const channel = await site.channel(linking.port);
    for (const queue of ['unsettled', 'settled', 'settled.result']) await channel.assertQueue(queue);
    await channel.consume('unsettled', () => {}, { noAck: true });
    channel.sendToQueue('unsettled', Buffer.from('x'));
    await until(() => processed('unsettled').length === 1, 'one was taken');
    await channel.consume('settled', () => channel.sendToQueue('settled.result', Buffer.from('x')));
    channel.sendToQueue('settled', Buffer.from('x'));
    const [result] = await published('settled.result', 1);
    expect(causeOf(result)).toEqual(COMES_OF_NOTHING);
  });

  test('of an app with an SDK of its own: its context stays the parent', async () => {
    const channel = await handle(linking.port, 'sdk', (message, channel) => {
      const own = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
      channel.sendToQueue('sdk.result', Buffer.from('x'), { headers: { traceparent: own } });
      channel.ack(message);
    });
    await channel.assertQueue('sdk.result');
    channel.sendToQueue('sdk', Buffer.from('x'));
    const [result] = await published('sdk.result', 1);
    expect(result).toMatchObject({ traceId: 'c'.repeat(32), parentSpanId: 'd'.repeat(16) });
    expect(causeOf(result)).toMatchObject({ cause: 'only_open_delivery', links: [{}] });
  });
});

describe('tracing.cause: off', () => {
  test('nothing is looked for, not even what an answer answers', async () => {
    const sidecar = await site.sidecar({ env: spans.from('off'), config: 'tracing: { cause: off }' });
    const channel = await handle(sidecar.port, 'off', (message, channel) => {
      const { replyTo, correlationId } = message.properties;
      channel.sendToQueue(replyTo, Buffer.from('x'), { correlationId });
      channel.ack(message);
    });
    await channel.assertQueue('off.replies');
    channel.sendToQueue('off', Buffer.from('x'), { replyTo: 'off.replies', correlationId: 'c' });
    const [answer] = await published('off.replies', 1);
    expect(causeOf(answer)).toEqual(COMES_OF_NOTHING);
    expect(answer.parentSpanId).toBe('');
  });
});
