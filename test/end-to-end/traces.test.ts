import { fileURLToPath } from 'node:url';
import type { ConsumeMessage } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReceivedSpan } from '../../testing/otlp.ts';
import { run } from '../../testing/processes.ts';
import { publish, RawClient } from '../../testing/raw-client.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import {
  bits,
  decodeHeader,
  type Entry,
  entryBytes,
  method,
  short,
  sortedEntries,
  string,
  u16,
} from '../../testing/wire.ts';
import { get, Site, take, traceparent } from './apps.ts';
import { Spans } from './spans.ts';

const OWN_SDK = fileURLToPath(new URL('./own-sdk.ts', import.meta.url));
const ID = /^[0-9a-f]{16}$/;
const TRACE_ID = /^[0-9a-f]{32}$/;

let vhost: Vhost;
let site: Site;
let spans: Spans;
/** in front of the producer, and of the consumer */
let front: Tracehare;
let back: Tracehare;

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
  spans = await Spans.start();
  front = await site.sidecar({ env: spans.from('front') });
  back = await site.sidecar({ env: spans.from('back') });
});

afterAll(async () => {
  await site?.stop();
  await spans?.stop();
  await vhost?.remove();
});

/** When the message came into its queue. */
const QUEUED = {
  name: 'queued',
  time: expect.any(BigInt),
  attributes: { 'tracehare.queue.seconds': expect.any(Number) },
};

const place = (channel: number) => ({
  'messaging.system.name': 'rabbitmq',
  'server.address': '127.0.0.1',
  'server.port': vhost.port,
  'network.peer.address': '127.0.0.1',
  'network.peer.port': vhost.port,
  'tracehare.pipeline': vhost.name,
  'tracehare.connection': expect.any(Number),
  'tracehare.channel': channel,
});

describe('across two sidecars', () => {
  test('a message is one trace: the publish, and the processing below it', async () => {
    const producer = await site.connect(front.port, { connection_name: 'order service' });
    const consumer = await site.connect(back.port, { connection_name: 'payment service' });
    const outgoing = await producer.createConfirmChannel();
    const incoming = await consumer.createChannel();
    await incoming.assertExchange('orders', 'topic');
    await incoming.assertQueue('payments');
    await incoming.bindQueue('payments', 'orders', 'order.#');
    const before = BigInt(Date.now() - 1) * 1_000_000n;
    outgoing.publish('orders', 'order.created', Buffer.from('{"id":1}'), { messageId: 'm-1', correlationId: 'c-1' });
    await outgoing.waitForConfirms();
    const message = await take(incoming, 'payments');

    const [published, processed, ...rest] = await spans.all('orders', 2);
    const after = BigInt(Date.now() + 1) * 1_000_000n;
    expect(rest).toEqual([]);
    const common = {
      ...place(1),
      'messaging.destination.template': 'orders',
      'rabbitmq.destination.routing_key': 'order.created',
      'messaging.message.id': 'm-1',
      'messaging.message.conversation_id': 'c-1',
      'messaging.message.body.size': 8,
      'tracehare.outcome': 'success',
    };
    const { traceId } = published;
    expect(published).toEqual({
      traceId: expect.stringMatching(TRACE_ID),
      spanId: expect.stringMatching(ID),
      parentSpanId: '',
      traceState: '',
      name: 'publish orders',
      kind: 'PRODUCER',
      start: expect.any(BigInt),
      end: expect.any(BigInt),
      attributes: {
        ...common,
        'messaging.operation.name': 'publish',
        'messaging.operation.type': 'send',
        'messaging.destination.name': 'orders:order.created',
        'messaging.client.id': 'order service',
        'tracehare.sequence': 1,
        'tracehare.confirmed': true,
      },
      events: [],
      links: [],
      status: { code: 'UNSET', message: '' },
      resource: expect.objectContaining({ 'service.name': 'front' }),
      scope: 'tracehare',
    });
    expect(processed).toEqual({
      traceId,
      spanId: expect.stringMatching(ID),
      parentSpanId: published.spanId,
      traceState: '',
      name: 'process orders',
      kind: 'CONSUMER',
      start: expect.any(BigInt),
      end: expect.any(BigInt),
      attributes: {
        ...common,
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.destination.name': 'orders:order.created:payments',
        'messaging.client.id': 'payment service',
        'rabbitmq.message.delivery_tag': 1,
        'tracehare.settlement': 'ack',
        'tracehare.redelivered': false,
        'tracehare.attempt': 1,
        'tracehare.latency': expect.any(Number),
      },
      events: [QUEUED],
      links: [],
      status: { code: 'UNSET', message: '' },
      resource: expect.objectContaining({ 'service.name': 'back' }),
      scope: 'tracehare',
    });
    expect(traceparent(message)).toBe(`00-${traceId}-${published.spanId}-01`);

    const times = [before, published.start, processed.start, processed.end, after];
    expect(times).toEqual(times.toSorted((a, b) => Number(a - b)));
    expect(published.start <= published.end && published.end <= after).toBe(true);
    // the latency is measured between the two sightings, which the spans start with
    const latency = Number(processed.start - published.start) / 1e9;
    // but for the last bits of the stamp, which say other things
    expect(processed.attributes['tracehare.latency']).toBeCloseTo(latency, 4);
  });

  test('basic.get makes a receive span, a client of the broker', async () => {
    const outgoing = await site.channel(front.port);
    const incoming = await site.channel(back.port);
    await incoming.assertQueue('fetched');
    outgoing.sendToQueue('fetched', Buffer.from('12'));
    await get(incoming, 'fetched');
    const [published, received] = await spans.all('fetched', 2);
    expect(published.attributes).toMatchObject({ 'messaging.destination.name': 'fetched' });
    expect(received).toEqual({
      traceId: published.traceId,
      spanId: expect.stringMatching(ID),
      parentSpanId: published.spanId,
      traceState: '',
      name: 'receive fetched',
      kind: 'CLIENT',
      start: expect.any(BigInt),
      end: expect.any(BigInt),
      attributes: {
        ...place(1),
        'messaging.client.id': 'amqplib',
        'messaging.destination.template': 'fetched',
        'messaging.destination.name': 'fetched',
        'messaging.operation.name': 'receive',
        'messaging.operation.type': 'receive',
        'messaging.message.body.size': 2,
        'rabbitmq.destination.routing_key': 'fetched',
        'rabbitmq.message.delivery_tag': 1,
        'tracehare.outcome': 'success',
        'tracehare.settlement': 'auto-ack',
        'tracehare.redelivered': false,
        'tracehare.attempt': 1,
        'tracehare.latency': expect.any(Number),
      },
      events: [QUEUED],
      links: [],
      status: { code: 'UNSET', message: '' },
      resource: expect.objectContaining({ 'service.name': 'back' }),
      scope: 'tracehare',
    });
  });

  test('a call over direct reply-to: question and answer are traced', async () => {
    const asking = await site.channel(front.port);
    const answering = await site.channel(back.port);
    await answering.assertQueue('questions');
    await answering.consume('questions', (message) => {
      const { replyTo, correlationId, headers } = (message as ConsumeMessage).properties;
      // what an app does that hands context on without knowing it
      answering.sendToQueue(replyTo, Buffer.from('42'), {
        correlationId,
        headers: { traceparent: headers?.traceparent },
      });
      answering.ack(message as ConsumeMessage);
    });
    const answered = new Promise<ConsumeMessage>((resolve) => {
      asking.consume('amq.rabbitmq.reply-to', (message) => resolve(message as ConsumeMessage), { noAck: true });
    });
    asking.sendToQueue('questions', Buffer.from('?'), { replyTo: 'amq.rabbitmq.reply-to', correlationId: 'c-7' });
    expect((await answered).properties.correlationId).toBe('c-7');

    const [question, asked] = await spans.all('questions', 2);
    const answers = await spans.all('amq.rabbitmq.reply-to', 2);
    const answer = answers.find(({ name }) => name.startsWith('publish')) as ReceivedSpan;
    const got = answers.find(({ name }) => name.startsWith('process')) as ReceivedSpan;
    expect(asked).toMatchObject({ name: 'process questions', parentSpanId: question.spanId });
    expect(answer).toMatchObject({
      name: 'publish amq.rabbitmq.reply-to',
      parentSpanId: asked.spanId,
      resource: { 'service.name': 'back' },
      attributes: {
        'messaging.message.conversation_id': 'c-7',
        'messaging.destination.anonymous': true,
        'messaging.destination.temporary': true,
        'tracehare.outcome': 'success',
        'tracehare.cause': 'reply',
      },
      status: { code: 'UNSET' },
    });
    // The app handed on the question's context, not one of its own.
    expect(got).toMatchObject({
      name: 'process amq.rabbitmq.reply-to',
      parentSpanId: question.spanId,
      resource: { 'service.name': 'front' },
      attributes: { 'tracehare.settlement': 'auto-ack', 'tracehare.outcome': 'success' },
    });
    expect(new Set([question, asked, answer, got].map(({ traceId }) => traceId)).size).toBe(1);
  });
});

describe('an app with a context of its own', () => {
  test('is continued, and not a byte of its headers changes', async () => {
    const own = [
      string('before', 'x'),
      string('tracestate', 'vendor=one,other=2'),
      string('traceparent', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`),
      string('after', 'y'),
    ];
    await (await site.channel(vhost.port)).assertQueue('continued');
    const producer = await RawClient.open({ port: front.port, vhost: vhost.name });
    producer.send(publish(1, { exchange: '', key: 'continued', body: 'z', headers: own }));
    await producer.close();
    const consumer = await RawClient.open({ port: back.port, vhost: vhost.name });
    await consumer.call(method(1, 60, 70, u16(0), short('continued'), bits(true)), 60, 71);
    const { entries = [] } = decodeHeader(await consumer.next());
    await consumer.next();
    await consumer.close();
    const ours = ({ key }: Entry) => key.toString() === 'x-tracehare-sent';
    const left = entries.filter((each) => !ours(each));
    expect(sortedEntries(left).map(entryBytes)).toEqual(sortedEntries(own).map(entryBytes));
    expect(entries.filter(ours).map(({ type }) => type)).toEqual(['l']);

    const [published, received, ...rest] = await spans.all('continued', 2);
    expect(rest).toEqual([]);
    for (const span of [published, received]) {
      expect(span).toMatchObject({
        traceId: 'a'.repeat(32),
        parentSpanId: 'b'.repeat(16),
        traceState: 'vendor=one,other=2',
      });
    }
    expect(published.spanId).not.toBe(received.spanId);
  });

  /** Runs the app to its end and returns the one span of its SDK for this message. */
  async function ownSdk(what: 'publish' | 'consume', port: number, queue: string): Promise<ReceivedSpan> {
    const app = await run(process.execPath, [OWN_SDK, what, vhost.url(port), queue], {
      env: { ...process.env, ...spans.from(`app of ${queue}`) },
    });
    expect({ code: app.code, stderr: app.stderr }).toEqual({ code: 0, stderr: '' });
    const found = spans.receiver.spans.filter(
      ({ scope, resource }) => scope.endsWith('amqplib') && resource['service.name'] === `app of ${queue}`,
    );
    expect(found).toHaveLength(1);
    return found[0];
  }

  test("made by OpenTelemetry's SDK as producer: our publish span is the child of its span", async () => {
    const incoming = await site.channel(back.port);
    await incoming.assertQueue('from-sdk');
    const theirs = await ownSdk('publish', front.port, 'from-sdk');
    const message = await take(incoming, 'from-sdk');
    const [published, processed] = await spans.all('from-sdk', 2);
    expect(theirs).toMatchObject({ kind: 'PRODUCER', parentSpanId: '' });
    for (const span of [published, processed]) {
      expect(span).toMatchObject({ traceId: theirs.traceId, parentSpanId: theirs.spanId });
    }
    expect(traceparent(message)).toBe(`00-${theirs.traceId}-${theirs.spanId}-01`);
    expect(theirs.start <= published.start).toBe(true);
  });

  test("made by OpenTelemetry's SDK as consumer: its span is in our trace, below our publish span", async () => {
    const outgoing = await site.channel(front.port);
    await outgoing.assertQueue('to-sdk');
    outgoing.sendToQueue('to-sdk', Buffer.from('from an app without one'));
    const theirs = await ownSdk('consume', back.port, 'to-sdk');
    const [published, processed] = await spans.all('to-sdk', 2);
    expect(theirs).toMatchObject({ kind: 'CONSUMER', traceId: published.traceId, parentSpanId: published.spanId });
    expect(processed).toMatchObject({ traceId: published.traceId, parentSpanId: published.spanId });
    expect(processed.start <= theirs.start).toBe(true);
  });
});

describe('tracing.consumer', () => {
  test.each(['parent', 'link', 'both'])('%s', async (how) => {
    const queue = `consumer-${how}`;
    const sidecar = await site.sidecar({ env: spans.from(how), config: `tracing: { consumer: ${how} }` });
    const channel = await site.channel(sidecar.port);
    await channel.assertQueue(queue);
    channel.sendToQueue(queue, Buffer.from('1'));
    await take(channel, queue);
    const [published, processed] = await spans.all(queue, 2);
    const { traceId, spanId } = published;
    if (how === 'link') {
      expect(processed.parentSpanId).toBe('');
      expect(processed.traceId).toMatch(TRACE_ID);
      expect(processed.traceId).not.toBe(traceId);
    } else expect(processed).toMatchObject({ traceId, parentSpanId: spanId });
    expect(processed.links).toEqual(how === 'parent' ? [] : [{ traceId, spanId, attributes: {} }]);
  });
});
