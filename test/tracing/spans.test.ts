import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LifecycleEvent } from '../../src/events/lifecycle.ts';
import type { SpanSinkOptions } from '../../src/telemetry/export/sink.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../../testing/otlp.ts';
import { passageOf, tell } from '../../testing/passages.ts';
import { delivery, END, identified, opened, PARENT, publish, SPAN, START, startSink, TRACE } from './fixtures.ts';

const nanos = (microseconds: number): bigint => BigInt(microseconds) * 1000n;

let receiver: OtlpReceiver;
beforeEach(async () => {
  receiver = await startOtlpReceiver();
});
afterEach(() => receiver.close());

/** The spans that arrive when a sink has observed these events and shut down. */
async function received(
  events: LifecycleEvent[],
  options: Partial<SpanSinkOptions> = {},
  env: Record<string, string> = {},
): Promise<ReceivedSpan[]> {
  const sink = await startSink({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env }, options);
  for (const event of events) tell(sink, event);
  await sink.shutdown();
  expect(sink.figures()).toMatchObject({ exported: receiver.spans.length, dropped: 0, queued: 0 });
  expect(sink.lines).toEqual([]);
  return receiver.spans;
}

/** As `received`, of one event after its connection's. */
async function spanOf(event: LifecycleEvent, options: Partial<SpanSinkOptions> = {}): Promise<ReceivedSpan> {
  const spans = await received([opened(), identified(), event], options);
  expect(spans).toHaveLength(1);
  return spans[0];
}

const publishAttributes = {
  'messaging.system.name': 'rabbitmq',
  'messaging.operation.name': 'publish',
  'messaging.operation.type': 'send',
  'messaging.destination.name': 'shop:orders.eu',
  'messaging.destination.template': 'orders',
  'messaging.client.id': 'order service',
  'messaging.message.body.size': 512,
  'rabbitmq.destination.routing_key': 'orders.eu',
  'server.address': 'rabbit.internal',
  'server.port': 5671,
  'tracehare.outcome': 'success',
  'tracehare.pipeline': 'checkout',
  'tracehare.connection': 7,
  'tracehare.channel': 3,
  'tracehare.sequence': 12,
  'tracehare.confirmed': true,
};

const processAttributes = {
  'messaging.system.name': 'rabbitmq',
  'messaging.operation.name': 'process',
  'messaging.operation.type': 'process',
  'messaging.destination.name': 'shop:orders.eu:billing',
  'messaging.destination.template': 'orders',
  'messaging.client.id': 'order service',
  'messaging.message.body.size': 512,
  'rabbitmq.destination.routing_key': 'orders.eu',
  'rabbitmq.message.delivery_tag': 41,
  'server.address': 'rabbit.internal',
  'server.port': 5671,
  'tracehare.outcome': 'success',
  'tracehare.pipeline': 'checkout',
  'tracehare.connection': 7,
  'tracehare.channel': 3,
  'tracehare.settlement': 'ack',
  'tracehare.redelivered': false,
  'tracehare.attempt': 1,
  'tracehare.latency': 0.25,
};

describe('a publish', () => {
  test('that starts a trace is a PRODUCER root with the ids that were injected', async () => {
    expect(await spanOf(publish())).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      parentSpanId: '',
      traceState: '',
      name: 'publish orders',
      kind: 'PRODUCER',
      start: nanos(START),
      end: nanos(END),
      attributes: publishAttributes,
      events: [],
      links: [],
      status: { code: 'UNSET', message: '' },
      resource: expect.objectContaining({ 'service.name': 'tracehare' }),
      scope: 'tracehare',
    });
  });

  test('with a context of its own is a child of it, tracestate kept', async () => {
    const span = await spanOf(publish({ parentSpanId: PARENT, traceState: 'vendor=a,other=b' }));
    expect(span).toMatchObject({ traceId: TRACE, spanId: SPAN, parentSpanId: PARENT, traceState: 'vendor=a,other=b' });
    expect(span.links).toEqual([]);
  });

  test('carries the properties it was sent with', async () => {
    const span = await spanOf(publish({ messageId: 'm-1', correlationId: 'c-1' }));
    expect(span.attributes).toEqual({
      ...publishAttributes,
      'messaging.message.id': 'm-1',
      'messaging.message.conversation_id': 'c-1',
    });
  });

  test('that was returned has failed with an event of the return', async () => {
    const event = publish({ outcome: 'failed', reason: 'unroutable', replyCode: 312, replyText: 'NO_ROUTE' });
    const span = await spanOf(event);
    expect(span.status).toEqual({ code: 'ERROR', message: 'NO_ROUTE' });
    expect(span.attributes).toEqual({
      ...publishAttributes,
      'error.type': 'unroutable',
      'tracehare.outcome': 'failed',
      'tracehare.reason': 'unroutable',
    });
    expect(span.events).toEqual([
      {
        name: 'basic.return',
        time: nanos(END),
        attributes: { 'tracehare.reply_code': 312, 'tracehare.reply_text': 'NO_ROUTE' },
      },
    ]);
  });

  test('that was nacked has failed with an event of the nack', async () => {
    const span = await spanOf(publish({ outcome: 'failed', reason: 'nacked' }));
    expect(span.status).toEqual({ code: 'ERROR', message: '' });
    expect(span.attributes).toMatchObject({ 'error.type': 'nacked', 'tracehare.reason': 'nacked' });
    expect(span.events).toEqual([{ name: 'basic.nack', time: nanos(END), attributes: {} }]);
  });

  test('whose outcome is unknown is no error', async () => {
    const event = publish({
      outcome: 'unknown',
      reason: 'channel_error',
      confirmed: false,
      replyCode: 404,
      replyText: 'NOT_FOUND - no exchange',
    });
    const span = await spanOf(event);
    expect(span.status).toEqual({ code: 'UNSET', message: '' });
    expect(span.events).toEqual([]);
    expect(span.attributes).toEqual({
      ...publishAttributes,
      'tracehare.confirmed': false,
      'tracehare.outcome': 'unknown',
      'tracehare.reason': 'channel_error',
    });
  });

  test.each([
    ['exchange and key', { exchange: 'shop', routingKey: 'a' }, 'shop:a'],
    ['exchange only', { exchange: 'shop', routingKey: '' }, 'shop'],
    ['default exchange', { exchange: '', routingKey: 'billing' }, 'billing'],
    ['neither', { exchange: '', routingKey: '' }, 'amq.default'],
  ])('names its destination by %s', async (_, route, name) => {
    const { attributes } = await spanOf(publish(route));
    expect(attributes['messaging.destination.name']).toBe(name);
    expect(attributes['rabbitmq.destination.routing_key']).toBe(route.routingKey || undefined);
    expect(attributes).not.toHaveProperty('messaging.destination.anonymous');
    expect(attributes).not.toHaveProperty('messaging.destination.temporary');
  });

  test.each(['amq.gen-JzTY20BRgKO', 'amq.rabbitmq.reply-to.g1h2'])('to %s goes to an anonymous queue', async (key) => {
    const { attributes } = await spanOf(publish({ exchange: '', routingKey: key, topic: 'replies' }));
    expect(attributes).toMatchObject({
      'messaging.destination.name': key,
      'messaging.destination.template': 'replies',
      'messaging.destination.anonymous': true,
      'messaging.destination.temporary': true,
    });
  });
});

describe('a delivery', () => {
  test('is a CONSUMER child of the message that runs until it is settled', async () => {
    expect(await spanOf(delivery({ traceState: 'vendor=a' }))).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      parentSpanId: PARENT,
      traceState: 'vendor=a',
      name: 'process orders',
      kind: 'CONSUMER',
      start: nanos(START),
      end: nanos(END),
      attributes: processAttributes,
      events: [],
      links: [],
      status: { code: 'UNSET', message: '' },
      resource: expect.objectContaining({ 'service.name': 'tracehare' }),
      scope: 'tracehare',
    });
  });

  test('fetched by basic.get is a CLIENT span', async () => {
    const span = await spanOf(delivery({ via: 'get', consumerTag: '', latency: Number.NaN }));
    expect(span).toMatchObject({ name: 'receive orders', kind: 'CLIENT', parentSpanId: PARENT });
    const { 'tracehare.latency': _, ...attributes } = processAttributes;
    expect(span.attributes).toEqual({
      ...attributes,
      'messaging.operation.name': 'receive',
      'messaging.operation.type': 'receive',
    });
  });

  test('that was rejected has failed', async () => {
    const span = await spanOf(delivery({ settlement: 'reject', outcome: 'failed', reason: 'rejected' }));
    expect(span.status).toEqual({ code: 'ERROR', message: '' });
    expect(span.attributes).toEqual({
      ...processAttributes,
      'error.type': 'rejected',
      'tracehare.outcome': 'failed',
      'tracehare.reason': 'rejected',
      'tracehare.settlement': 'reject',
    });
    expect(span.events).toEqual([
      { name: 'basic.reject', time: nanos(END), attributes: { 'tracehare.requeue': false } },
    ]);
  });

  test('that was requeued is no error', async () => {
    const span = await spanOf(delivery({ settlement: 'nack', outcome: 'requeued', reason: 'nack' }));
    expect(span.status).toEqual({ code: 'UNSET', message: '' });
    expect(span.attributes).toEqual({
      ...processAttributes,
      'tracehare.outcome': 'requeued',
      'tracehare.reason': 'nack',
      'tracehare.settlement': 'nack',
    });
    expect(span.events).toEqual([{ name: 'basic.nack', time: nanos(END), attributes: { 'tracehare.requeue': true } }]);
  });

  test('that came again, out of a dead-letter queue, says so', async () => {
    const event = delivery({ redelivered: true, deadLetterQueue: 'billing', deadLetterReason: 'expired' });
    const span = await spanOf(event);
    expect(span.attributes).toEqual({ ...processAttributes, 'tracehare.redelivered': true });
    expect(span.events).toEqual([
      { name: 'redelivered', time: nanos(START), attributes: {} },
      {
        name: 'dead-lettered',
        time: nanos(START),
        attributes: { 'tracehare.dead_letter.queue': 'billing', 'tracehare.dead_letter.reason': 'expired' },
      },
    ]);
  });

  test.each([
    ['all three', {}, 'shop:orders.eu:billing'],
    ['no exchange, key and queue the same', { exchange: '', routingKey: 'billing' }, 'billing'],
    ['exchange, key and queue the same', { routingKey: 'billing' }, 'shop:billing'],
    ['fanout', { routingKey: '' }, 'shop:billing'],
    ['no queue known', { queue: '' }, 'shop:orders.eu'],
  ])('names its destination by %s', async (_, route, name) => {
    expect((await spanOf(delivery(route))).attributes['messaging.destination.name']).toBe(name);
  });

  test.each(['amq.gen-JzTY20BRgKO', 'amq.rabbitmq.reply-to'])(
    'out of %s comes from an anonymous queue',
    async (queue) => {
      expect((await spanOf(delivery({ queue }))).attributes).toMatchObject({
        'messaging.destination.anonymous': true,
        'messaging.destination.temporary': true,
      });
    },
  );

  test('may link to the message instead, as a root of a trace of its own', async () => {
    const span = await spanOf(delivery(), { consumer: 'link' });
    expect(span.links).toEqual([{ traceId: TRACE, spanId: PARENT, attributes: {} }]);
    expect(span).toMatchObject({ spanId: SPAN, parentSpanId: '' });
    expect(span.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
    expect(span.traceId).not.toBe(TRACE);
  });

  test('may do both', async () => {
    const span = await spanOf(delivery(), { consumer: 'both' });
    expect(span).toMatchObject({ traceId: TRACE, spanId: SPAN, parentSpanId: PARENT });
    expect(span.links).toEqual([{ traceId: TRACE, spanId: PARENT, attributes: {} }]);
  });

  test.each(['parent', 'link', 'both'] as const)(
    'without a context in the message is a root (%s)',
    async (consumer) => {
      const span = await spanOf(delivery({ parentSpanId: '' }), { consumer });
      expect(span).toMatchObject({ traceId: TRACE, spanId: SPAN, parentSpanId: '', links: [] });
    },
  );

  test.each(['link', 'both'] as const)('does not make publishes link (%s)', async (consumer) => {
    const span = await spanOf(publish({ parentSpanId: PARENT }), { consumer });
    expect(span).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, links: [] });
  });
});

describe('the connection', () => {
  test('is named by its product when it has no name', async () => {
    const [span] = await received([opened(), identified({ name: '' }), publish()]);
    expect(span.attributes['messaging.client.id']).toBe('AMQPLIB');
  });

  test('to an address names the peer too', async () => {
    const [span] = await received([opened({ brokerHost: '10.0.0.5' }), publish()]);
    const { 'messaging.client.id': _, ...attributes } = publishAttributes;
    expect(span.attributes).toEqual({
      ...attributes,
      'server.address': '10.0.0.5',
      'network.peer.address': '10.0.0.5',
      'network.peer.port': 5671,
    });
  });

  test('is still known after it closed', async () => {
    const closed = { type: 'connection.closed', at: END, connection: 7, by: 'app', code: 200, text: '' } as const;
    const [span] = await received([opened(), identified(), closed, publish()]);
    expect(span.attributes).toEqual(publishAttributes);
  });

  test('that was never told of is left out', async () => {
    const [span] = await received([publish()]);
    const { 'messaging.client.id': _, 'server.address': __, 'server.port': ___, ...attributes } = publishAttributes;
    expect(span.attributes).toEqual(attributes);
  });
});

test('a delivery that never left under automatic acknowledgement has failed with that reason', async () => {
  const lost = { settlement: 'none', outcome: 'failed', reason: 'autoack_undelivered', lost: true } as const;
  const span = await spanOf(delivery(lost));
  expect(span.status.code).toBe('ERROR');
  expect(span.attributes).toMatchObject({ 'error.type': 'autoack_undelivered', 'tracehare.settlement': 'none' });
  expect(span.events).toEqual([]);
});

describe('what is not sampled', () => {
  test('has no span unless it is a failed publish', async () => {
    const spans = await received([
      publish({ sampled: false }),
      publish({ sampled: false, outcome: 'unknown', reason: 'connection_lost' }),
      publish({ sampled: false, outcome: 'failed', reason: 'nacked' }),
    ]);
    expect(spans.map(({ name, status }) => [name, status.code])).toEqual([['publish orders', 'ERROR']]);
  });

  test('and of a delivery that is told of, is exported with its publish, as the message has it', async () => {
    const unsampled = { sampled: false, spanId: '' };
    const spans = await received([
      delivery({ ...unsampled, outcome: 'failed', reason: 'rejected', settlement: 'reject' }),
      delivery({ ...unsampled, attempt: 3, latency: Number.NaN, firstPublished: START - 5_000_000, redelivered: true }),
      delivery({ ...unsampled }),
      delivery({ ...unsampled, latency: Number.NaN, queuedAt: 0 }),
    ]);
    const kept = spans.map(({ name, start, parentSpanId, attributes }) => [
      name,
      parentSpanId,
      start,
      attributes['tracehare.kept'],
    ]);
    const at = (micros: number) => BigInt(micros) * 1000n;
    expect(kept).toEqual([
      ['process orders', PARENT, at(START), 'failed'],
      ['publish orders', '', at(START - 250_000), undefined],
      ['process orders', PARENT, at(START), 'repeated'],
      ['publish orders', '', at(START - 5_000_000), undefined],
      ['process orders', PARENT, at(START), 'slow'],
      ['publish orders', '', at(START - 250_000), undefined],
      // when it was published, nobody says
      ['process orders', PARENT, at(START), 'slow'],
    ]);
    for (const { name, spanId } of spans) if (name.startsWith('publish')) expect(spanId).toBe(PARENT);
  });

  test.each([
    ['no_exchange', 404, "NOT_FOUND - no exchange 'shop' in vhost '/'"],
    ['access_refused', 403, "ACCESS_REFUSED - access to exchange 'shop' refused"],
    ['too_large', 406, 'PRECONDITION_FAILED - message size 999 is larger than configured max size 512'],
  ])("and refused by the broker as %s has its reason and the broker's words", async (reason, replyCode, replyText) => {
    const refused = { outcome: 'failed', reason, confirmed: false, replyCode, replyText } as const;
    const [span] = await received([publish({ sampled: false, ...refused })]);
    expect(span.status).toEqual({ code: 'ERROR', message: replyText });
    expect(span.attributes).toMatchObject({ 'error.type': reason, 'tracehare.reason': reason });
    expect(span.events).toEqual([]);
  });

  test('and lost beside a publish that had counted as success has no span: that publish has had its own', async () => {
    const late = {
      type: 'message.lost',
      at: END,
      connection: 7,
      channel: 3,
      side: 'publish',
      reason: 'unroutable',
    } as const;
    const names = { exchange: 'shop', routingKey: 'a', topic: 'orders', pipeline: '/', queue: '', traceId: TRACE };
    expect(await received([{ ...late, ...names }])).toEqual([]);
  });

  test('and lost is exported up to a limit a second, sampled losses beyond it', async () => {
    const lost = publish({ sampled: false, outcome: 'failed', reason: 'nacked' });
    const sink = await startSink({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }, { maxLossSpansPerSecond: 0.001 });
    for (let i = 0; i < 10; i++) sink.passage(passageOf(lost));
    for (let i = 0; i < 10; i++) sink.passage(passageOf({ ...lost, sampled: true }));
    await sink.shutdown();
    expect(receiver.spans).toHaveLength(11);
    expect(sink.figures()).toEqual({ exported: 11, dropped: 0, queued: 0, limited: 9, keepLimited: 0 });
  });

  test('and lost without any context gets ids of its own', async () => {
    const lost = publish({ sampled: false, outcome: 'failed', reason: 'nacked', traceId: '', spanId: '' });
    const [first, second] = await received([lost, lost]);
    expect(first.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
    expect(first.spanId).toMatch(/^(?!0{16})[0-9a-f]{16}$/);
    expect([second.traceId, second.spanId]).not.toEqual([first.traceId, first.spanId]);
  });
});

test('a clock that stepped back makes no negative duration', async () => {
  const span = await spanOf(publish({ endedAt: START - 5 }));
  expect([span.start, span.end]).toEqual([nanos(START), nanos(START)]);
});

describe('the standard variables', () => {
  test('the resource names Tracehare, its version and this process, and not its command line', async () => {
    const [span] = await received([publish()]);
    expect(span.resource).toMatchObject({
      'service.name': 'tracehare',
      'service.version': '1.2.3',
      'service.instance.id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'telemetry.sdk.name': 'opentelemetry',
      'host.name': expect.any(String),
    });
    expect(Object.keys(span.resource).filter((key) => key.startsWith('process.'))).toEqual([]);
  });

  test('OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come before the defaults', async () => {
    const [span] = await received(
      [publish()],
      {},
      {
        OTEL_SERVICE_NAME: 'orders-sidecar',
        OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=pod-1,deployment.environment.name=test',
      },
    );
    expect(span.resource).toMatchObject({
      'service.name': 'orders-sidecar',
      'service.version': '1.2.3',
      'service.instance.id': 'pod-1',
      'deployment.environment.name': 'test',
    });
  });

  test.each(['http/protobuf', 'http/json'])('OTEL_EXPORTER_OTLP_PROTOCOL=%s exports the same', async (protocol) => {
    const env = { OTEL_EXPORTER_OTLP_PROTOCOL: protocol, OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' };
    const [span] = await received([opened(), identified(), publish(), delivery()], {}, env);
    expect(span).toMatchObject({ traceId: TRACE, spanId: SPAN, start: nanos(START), attributes: publishAttributes });
    expect(receiver.spans[1].attributes).toEqual(processAttributes);
  });

  test('OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT bounds what an app can put into a span', async () => {
    const env = { OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '10' };
    const [span] = await received([publish({ messageId: 'x'.repeat(1000) })], {}, env);
    expect(span.attributes['messaging.message.id']).toBe('x'.repeat(10));
  });

  test('the other limits bound how much there is of a span', async () => {
    const env = {
      OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '2',
      OTEL_ATTRIBUTE_COUNT_LIMIT: '3',
      OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: '5',
      OTEL_SPAN_EVENT_COUNT_LIMIT: '1',
      OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: '1',
      OTEL_SPAN_LINK_COUNT_LIMIT: '0',
    };
    const event = delivery({ redelivered: true, deadLetterQueue: 'billing', deadLetterReason: 'expired' });
    const [span] = await received([event], { consumer: 'both' }, env);
    expect(Object.values(span.attributes)).toEqual(['rabbi', 'proce']);
    expect(span.links).toEqual([]);
    expect(span.events).toEqual([
      { name: 'dead-lettered', time: nanos(START), attributes: { 'tracehare.dead_letter.queue': 'billi' } },
    ]);
  });
});
