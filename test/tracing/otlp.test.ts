import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DeliveryEnded, PublishEnded } from '../../src/events/lifecycle.ts';
import { type ConsumerSpans, identify } from '../../src/telemetry/export/identity.ts';
import { SpanRequest } from '../../src/telemetry/export/otlp.ts';
import { PlainSpans } from '../../src/telemetry/export/plain-spans.ts';
import { ProtobufWriter } from '../../src/telemetry/export/protobuf.ts';
import { PassageSpan, type SpanOrigin, type SpanSource } from '../../src/telemetry/export/spans.ts';
import { contentOf } from '../../testing/otlp.ts';
import { passageOf } from '../../testing/passages.ts';
import { delivery, PARENT, publish } from './fixtures.ts';

// What our serializer makes of our spans is held against what the SDK's makes of them.

const writer = new ProtobufWriter();

function expectTheSame(sources: SpanSource[], from = origin): void {
  const spans = sources.map((source) => new PassageSpan(source, from));
  const expected = contentOf(ProtobufTraceSerializer.serializeRequest(spans) as Uint8Array);
  const plain = new PlainSpans(from);
  // templates are made for the second one of a way, and there for the third
  for (let time = 0; time < 3; time++) {
    const request = new SpanRequest(from, writer, plain);
    for (const source of sources) request.add(source);
    expect(sorted(contentOf(request.bytes()))).toEqual(sorted(expected));
  }
}

/** Attributes have no order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      const inside = sorted(each);
      return [name, name === 'attributes' && Array.isArray(inside) ? inside.sort(byKey) : inside];
    }),
  );
}
const byKey = (one: { key: string }, other: { key: string }): number => (one.key < other.key ? -1 : 1);

const connection = {
  client: '10.0.0.1:5',
  brokerHost: '10.0.0.5',
  brokerPort: 5671,
  clientId: 'order service',
  app: 'shop',
};

const origin: SpanOrigin = {
  resource: resourceFromAttributes(
    { 'service.name': 'orders', 'host.cpus': 4, 'host.load': 0.5, 'host.up': true, argv: ['node', 'é', ''] },
    { schemaUrl: 'https://opentelemetry.io/schemas/1.40.0' },
  ),
  scope: { name: 'tracehare', version: '1.2.3' },
  limits: undefined,
};

function sourceOf(event: PublishEnded | DeliveryEnded, consumer: ConsumerSpans = 'parent'): SpanSource {
  const passage = passageOf(event);
  const ids = new Uint32Array(6);
  identify(passage, consumer, ids);
  return { passage, connection, consumer, ids };
}

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
  expectTheSame(passages.map((event) => sourceOf(event, consumer)));
});

const flag = fc.boolean();
const number = fc.oneof(fc.nat(), fc.maxSafeNat());
const short = fc.constantFrom('', 'x', 'é'.repeat(100));
const common = {
  connection: fc.constantFrom(1, 2),
  channel: fc.constantFrom(1, 2),
  routingKey: short,
  startedAt: number,
  endedAt: number,
  parentSpanId: fc.constantFrom('', PARENT),
  traceState: fc.constantFrom('', 'a=b'),
  bodySize: number,
  messageId: short,
  correlationId: short,
  fault: fc.constantFrom('', '', 'drop'),
  outcome: fc.constantFrom('success', 'failed', 'unknown'),
  reason: fc.constantFrom('', '', 'nacked'),
};
const anyPublish = fc.record({
  ...common,
  sequence: number,
  confirmed: flag,
  replyCode: fc.constantFrom(0, 312),
  replyText: short,
});
const anyDelivery = fc.record({
  ...common,
  deliveryTag: number,
  via: fc.constantFrom('deliver', 'get'),
  redelivered: flag,
  settlement: fc.constantFrom('ack', 'auto-ack', 'nack', 'reject', 'none'),
  latency: fc.oneof(fc.double({ min: 0, max: 9 }), fc.nat({ max: 5 })),
  deadLetterQueue: fc.constantFrom('', '', 'q'),
});

test('spans of any passages, among others on the same way', () => {
  const any = fc.oneof(
    anyPublish.map((changes) => publish(changes as Partial<PublishEnded>)),
    anyDelivery.map((changes) => delivery(changes as Partial<DeliveryEnded>)),
  );
  const consumer = fc.constantFrom('parent' as const, 'link' as const, 'both' as const);
  fc.assert(
    fc.property(fc.array(any, { minLength: 1, maxLength: 8 }), consumer, (events, how) => {
      expectTheSame(events.map((event) => sourceOf(event, how)));
    }),
    { numRuns: 1000 },
  );
});

test('a connection whose name came late', () => {
  const source = sourceOf(publish());
  expectTheSame([
    source,
    { ...source, connection: { ...connection, clientId: 'late' } },
    { ...source, connection: undefined },
  ]);
});

test('with limits', () => {
  const limited = { ...origin, limits: { attributes: 7, valueLength: 3, events: 1, eventAttributes: 1, links: 0 } };
  expectTheSame(
    passages.map((event) => sourceOf(event, 'both')),
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
      expectTheSame(each.map((change) => sourceOf(publish({ outcome: 'failed', replyCode: 312, ...change }))));
    }),
    { numRuns: 200 },
  );
});

test('more than its buffer holds', () => {
  expectTheSame(Array.from({ length: 2000 }, (_, sequence) => sourceOf(publish({ sequence }))));
});
