import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LifecycleEvent } from '../../src/events/lifecycle.ts';
import { RingReader, RingWriter, ringMemory } from '../../src/events/ring.ts';
import { hearing, passageOf } from '../../testing/passages.ts';
import { delivery, identified, opened, publish } from '../tracing/fixtures.ts';

function ring(bytes: number) {
  const memory = ringMemory(bytes);
  const [ring, reader] = [new RingWriter(memory), new RingReader(memory)];
  const write = (event: LifecycleEvent): void => {
    if (event.type === 'publish.ended' || event.type === 'delivery.ended') ring.writePassage(passageOf(event));
    else ring.write(event);
  };
  return { writer: { write }, reader, read: (limit = Number.POSITIVE_INFINITY) => readFrom(reader, limit) };
}

function readFrom(reader: RingReader, limit: number): LifecycleEvent[] {
  const events: LifecycleEvent[] = [];
  reader.read(
    limit,
    hearing((event) => events.push(event)),
  );
  return events;
}

const others: LifecycleEvent[] = [
  opened(),
  identified(),
  { type: 'connection.blocked', at: 1.5, connection: 7, blocked: true, reason: 'low on memory' },
  { type: 'connection.closed', at: 2, connection: 7, by: 'network', code: 0, text: '' },
  { type: 'channel.closed', at: 3, connection: 7, channel: 1, by: 'broker', code: 404, text: 'NOT_FOUND - "x"\n' },
  { type: 'consumer.started', at: 4, connection: 7, channel: 1, consumerTag: 'c1', queue: 'q', noAck: true },
  { type: 'consumer.cancelled', at: 5, connection: 7, channel: 1, consumerTag: 'c1', queue: 'q', by: 'broker' },
  {
    type: 'message.lost',
    at: 6,
    connection: 7,
    channel: 1,
    side: 'publish',
    exchange: 'e',
    routingKey: 'k',
    topic: 't',
    pipeline: 'p',
    queue: '',
    reason: 'unroutable',
    traceId: '',
  },
];

const text = fc.oneof(fc.string({ maxLength: 80 }), fc.string({ unit: 'binary', maxLength: 80 }));

/** What has so few values that no text of them is sent. */
const FIXED: Record<string, string[]> = {
  outcome: ['success', 'failed', 'unknown'],
  via: ['deliver', 'get'],
  settlement: ['ack', 'auto-ack', 'reject', 'nack', 'recover', 'channel_closed', 'connection_closed', 'none'],
};
const isText = (name: string, value: unknown): boolean =>
  typeof value === 'string' && !(name in FIXED) && !['type', ...ids].includes(name);
const ids = ['traceId', 'spanId', 'parentSpanId'];
const digits = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
const id = (like: string) => fc.oneof(fc.constant(''), digits(like.length || 16));

/** One of these events, whatever its type, with other values of the same kinds. */
const event = fc.constantFrom(...others, publish(), delivery()).chain((like) =>
  fc.record(
    Object.fromEntries(
      Object.entries(like).map(([name, value]) => {
        if (name === 'type') return [name, fc.constant(value)];
        if (name in FIXED) return [name, fc.constantFrom(...FIXED[name])];
        if (ids.includes(name)) return [name, id(value as string)];
        if (typeof value === 'string') return [name, text];
        if (typeof value === 'boolean') return [name, fc.boolean()];
        if (name === 'headers') return [name, fc.array(fc.tuple(text, text), { maxLength: 4 })];
        return [name, fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }), fc.nat())];
      }),
    ),
  ),
) as fc.Arbitrary<LifecycleEvent>;

test('every event comes out as it went in, wherever the end of the ring cuts it', () => {
  const { writer, read } = ring(1 << 14);
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 3 }), (events) => {
      for (const each of events) writer.write(each);
      expect(read()).toEqual(events);
    }),
    { numRuns: 500 },
  );
});

test('an unknown latency stays unknown', () => {
  const { writer, read } = ring(1 << 14);
  writer.write(delivery({ latency: Number.NaN }));
  expect(read()).toEqual([delivery({ latency: Number.NaN })]);
});

test('a text is cut at 1024 units, in events of either encoding', () => {
  const { writer, read } = ring(1 << 18);
  for (const unit of ['x', 'é', '語', '\u0000']) {
    writer.write(publish({ routingKey: unit.repeat(5000) }));
    writer.write(identified({ product: unit.repeat(5000) }));
    expect(read()).toEqual([publish({ routingKey: unit.repeat(1024) }), identified({ product: unit.repeat(1024) })]);
  }
});

test('the largest events fit', () => {
  const { writer, reader, read } = ring(1 << 18);
  const large = [publish(), delivery(), ...others].map((like) =>
    Object.fromEntries(
      Object.entries(like).map(([name, value]) =>
        isText(name, value) ? [name, '\u0001'.repeat(512) + '語'.repeat(512)] : [name, value],
      ),
    ),
  ) as unknown as LifecycleEvent[];
  for (const each of large) {
    writer.write(each);
    expect(read()).toEqual([each]);
  }
  expect(reader.dropped).toBe(0);
});

test('a full ring drops what comes and counts it, and has room again for as much as was read', () => {
  const { writer, reader, read } = ring(1 << 14);
  for (let sequence = 0; sequence < 1000; sequence++) writer.write(publish({ sequence }));
  const { dropped } = reader;
  const [first, ...rest] = read();
  expect(first).toEqual(publish({ sequence: 0 }));
  expect(1 + rest.length + dropped).toBe(1000);
  expect(rest.at(-1)).toEqual(publish({ sequence: rest.length }));
  for (let i = 0; i <= rest.length; i++) writer.write(publish());
  expect(reader.dropped).toBe(dropped);
  expect(read(2)).toHaveLength(2);
  expect(read()).toHaveLength(rest.length - 1);
  expect(read()).toEqual([]);
});

test('names are told again when those of others took their place', () => {
  const { writer, reader, read } = ring(1 << 20);
  const events = Array.from({ length: 2500 }, (_, i) => publish({ exchange: `of its own ${i}`, sequence: i }));
  for (const each of [...events, ...events]) writer.write(each);
  expect(read()).toEqual([...events, ...events]);
  expect(reader.dropped).toBe(0);
});

test('names that found the ring full are told with the next passage', () => {
  const { writer, reader, read } = ring(1 << 14);
  const other = publish({ exchange: 'y'.repeat(1000) });
  while (reader.dropped === 0) writer.write(publish());
  writer.write(other);
  expect(reader.dropped).toBe(2);
  read();
  writer.write(other);
  expect(read()).toEqual([other]);
});

test('an event that its reader throws at is read all the same', () => {
  const { writer, reader, read } = ring(1 << 14);
  writer.write(opened());
  writer.write(publish());
  expect(() =>
    reader.read(
      2,
      hearing(() => {
        throw new Error('of an observer');
      }),
    ),
  ).toThrow('of an observer');
  expect(read()).toEqual([publish()]);
});
