import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DeliveryEnded, PublishEnded } from '../../src/events/lifecycle.ts';
import { SpanRequest } from '../../src/telemetry/tracing/otlp.ts';
import { ProtobufWriter } from '../../src/telemetry/tracing/protobuf.ts';
import { type ConsumerSpans, PassageSpan, type SpanOrigin } from '../../src/telemetry/tracing/spans.ts';
import { contentOf } from '../support/otlp.ts';
import { delivery, PARENT, publish } from './fixtures.ts';

// What our serializer makes of our spans is held against what the SDK's makes of them.

const writer = new ProtobufWriter();

function expectTheSame(spans: PassageSpan[], from = origin): void {
  const request = new SpanRequest(from, writer);
  for (const span of spans) request.add(span);
  expect(contentOf(request.bytes())).toEqual(contentOf(ProtobufTraceSerializer.serializeRequest(spans) as Uint8Array));
}

const connection = { client: '10.0.0.1:5', brokerHost: '10.0.0.5', brokerPort: 5671, clientId: 'order service' };

const origin: SpanOrigin = {
  resource: resourceFromAttributes(
    { 'service.name': 'orders', 'host.cpus': 4, 'host.load': 0.5, 'host.up': true, argv: ['node', 'é', ''] },
    { schemaUrl: 'https://opentelemetry.io/schemas/1.40.0' },
  ),
  scope: { name: 'tracehare', version: '1.2.3' },
  limits: undefined,
};

const spanOf = (event: PublishEnded | DeliveryEnded, consumer: ConsumerSpans = 'parent', from = origin) =>
  new PassageSpan(event, connection, consumer, from);

const passages: (PublishEnded | DeliveryEnded)[] = [
  publish(),
  publish({ parentSpanId: PARENT, traceState: 'vendor=a, other=b,,no good,=' }),
  publish({
    outcome: 'failed',
    reason: 'unroutable',
    replyCode: 312,
    replyText: 'NO_ROUTE – nowhere',
    fault: 'drop,nack',
  }),
  publish({ outcome: 'failed', reason: 'nacked', sampled: false, traceId: '', spanId: '' }),
  publish({ exchange: '', routingKey: 'amq.gen-x', messageId: 'm', correlationId: 'c', bodySize: 0 }),
  delivery(),
  delivery({ latency: Number.NaN, via: 'get', deliveryTag: 2 ** 53 - 1, bodySize: 2 ** 31 }),
  delivery({ redelivered: true, deadLetterQueue: 'q', deadLetterReason: 'expired', latency: -1e-6 }),
  delivery({ settlement: 'nack', outcome: 'requeued', reason: 'nack', latency: 3, traceState: 'v=1' }),
  delivery({ settlement: 'reject', outcome: 'failed', reason: 'rejected', parentSpanId: '' }),
];

test.each(['parent', 'link', 'both'] as const)('passages of every kind (%s)', (consumer) => {
  expectTheSame(passages.map((event) => spanOf(event, consumer)));
});

test('with limits', () => {
  const limited = { ...origin, limits: { attributes: 7, valueLength: 3, events: 1, eventAttributes: 1, links: 0 } };
  expectTheSame(
    passages.map((event) => spanOf(event, 'both', limited)),
    limited,
  );
});

test('any text, number and time', () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: 'binary', maxLength: 300 }), fc.constant('x'.repeat(20_000)));
  const count = fc.oneof(fc.nat(), fc.maxSafeNat());
  const changes = fc.record({
    exchange: text,
    topic: text,
    messageId: text,
    replyText: text,
    startedAt: fc.double({ min: 0, max: 4e15, noNaN: true }),
    endedAt: fc.double({ min: 0, max: 4e15, noNaN: true }),
    sequence: count,
    bodySize: count,
    channel: fc.double({ min: 0, max: Number.MAX_SAFE_INTEGER, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(changes, { minLength: 1, maxLength: 4 }), (each) => {
      expectTheSame(each.map((change) => spanOf(publish({ outcome: 'failed', replyCode: 312, ...change }))));
    }),
    { numRuns: 200 },
  );
});

test('more than its buffer holds', () => {
  expectTheSame(Array.from({ length: 2000 }, (_, sequence) => spanOf(publish({ sequence }))));
});
