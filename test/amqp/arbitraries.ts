import fc from 'fast-check';
import type { FieldValue } from '../../src/amqp/fields.ts';
import { type Entry, entryBytes, type Header, long, short, u8, u16, u32, u64 } from '../../testing/wire.ts';

/** A field as RabbitMQ writes it, and what it means. */
export interface Field {
  type: string;
  /** behind the type octet */
  bytes: Buffer;
  value: FieldValue;
}

const fixed = (size: number, write: (bytes: Buffer) => void): Buffer => {
  const bytes = Buffer.alloc(size);
  write(bytes);
  return bytes;
};
const of =
  <T>(type: string, bytes: (value: T) => Buffer, meaning: (value: T) => FieldValue = (value) => value as FieldValue) =>
  (value: T): Field => ({ type, bytes: bytes(value), value: meaning(value) });

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const signed = (value: bigint) => fixed(8, (bytes) => bytes.writeBigInt64BE(value));
const bytes = fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each));

const simple = fc.oneof(
  fc.constant({ type: 'V', bytes: Buffer.alloc(0), value: null }),
  fc.boolean().map(of('t', (value) => u8(value ? 1 : 0))),
  fc.integer({ min: -128, max: 127 }).map(of('b', (value) => fixed(1, (to) => to.writeInt8(value)))),
  fc.nat(255).map(of('B', u8)),
  // a short-short string in the specification, a 16-bit integer in RabbitMQ
  fc.integer({ min: -32_768, max: 32_767 }).map(of('s', (value) => fixed(2, (to) => to.writeInt16BE(value)))),
  fc.nat(65_535).map(of('u', u16)),
  fc.integer().map(of('I', (value) => fixed(4, (to) => to.writeInt32BE(value)))),
  fc.nat(0xffffffff).map(of('i', u32)),
  // unsigned in the specification
  int64.map(of('L', signed)),
  int64.map(of('l', signed)),
  fc.float().map(of('f', (value) => fixed(4, (to) => to.writeFloatBE(value)))),
  fc.double().map(of('d', (value) => fixed(8, (to) => to.writeDoubleBE(value)))),
  fc.tuple(fc.nat(20), fc.integer()).map(
    of(
      'D',
      ([scale, digits]) => Buffer.concat([u8(scale), fixed(4, (to) => to.writeInt32BE(digits))]),
      ([scale, digits]) => digits / 10 ** scale,
    ),
  ),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(of('T', u64)),
  fc.string({ maxLength: 200, unit: 'binary' }).map(of<string>('S', long)),
  bytes.map(of<Buffer>('x', long, (value) => new Uint8Array(value))),
);

const textKey = fc.oneof(fc.string({ maxLength: 30, unit: 'binary' }), fc.constantFrom('', 'a', '__proto__'));
const asEntry = ([key, field]: [string, Field]): Entry => ({
  key: Buffer.from(key),
  type: field.type,
  value: field.bytes,
});

/** What an array or table of these means; of equal keys the last counts. */
export function meaningOf(pairs: [string, Field][]): FieldValue {
  const meaning = Object.create(null);
  for (const [key, { value }] of pairs) meaning[Buffer.from(key).toString()] = value;
  return meaning;
}

const nested: fc.Arbitrary<Field> = fc.letrec<{ field: Field }>((tie) => ({
  field: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    { weight: 4, arbitrary: simple },
    {
      weight: 1,
      arbitrary: fc.array(tie('field'), { maxLength: 4 }).map((fields) => ({
        type: 'A',
        bytes: long(Buffer.concat(fields.map(({ type, bytes }) => Buffer.concat([Buffer.from(type), bytes])))),
        value: fields.map(({ value }) => value),
      })),
    },
    {
      weight: 1,
      arbitrary: fc.array(fc.tuple(textKey, tie('field')), { maxLength: 4 }).map((pairs) => ({
        type: 'F',
        bytes: long(Buffer.concat(pairs.map(asEntry).map(entryBytes))),
        value: meaningOf(pairs),
      })),
    },
  ),
})).field;

export const field = nested;
export const namedFields = fc.array(fc.tuple(textKey, field), { maxLength: 8 });
export const tableOf = (pairs: [string, Field][]): Buffer => long(Buffer.concat(pairs.map(asEntry).map(entryBytes)));

/** Headers that a ContentHeader is told to look for, in the tests. */
export const KNOWN = ['traceparent', 'tracestate', 'x-tracehare-sent', 'x-death'];

const anyKey = fc.oneof(
  { weight: 3, arbitrary: fc.uint8Array({ maxLength: 255 }).map((each) => Buffer.from(each)) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 255, maxLength: 255 }).map((each) => Buffer.from(each)) },
  { weight: 3, arbitrary: fc.constantFrom(...KNOWN).map((name) => Buffer.from(name)) },
  // nearly known
  { weight: 1, arbitrary: fc.constantFrom('Traceparent', 'traceparen', 'traceparents', '').map((n) => Buffer.from(n)) },
);

export const entries: fc.Arbitrary<Entry[]> = fc.array(
  fc.tuple(anyKey, field).map(([key, { type, bytes }]) => ({ key, type, value: bytes })),
  { maxLength: 12 },
);

const text = fc.uint8Array({ maxLength: 255 }).map(short);
const octet = fc.nat(255).map(u8);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
/** The properties behind the headers, in the order of their flags from bit 12 down. */
const later = fc.tuple(
  ...[octet, octet, text, text, text, text].map(maybe),
  maybe(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(u64)),
  ...[text, text, text, text].map(maybe),
);

/** Any content header there can be: every combination of properties, further flag words, any table. */
export const contentHeader: fc.Arbitrary<Header> = fc
  .record({
    channel: fc.nat(65_535),
    weight: fc.nat(65_535),
    bodySize: fc.oneof(fc.nat(1000), fc.maxSafeInteger().map(Math.abs), fc.constant(2 ** 53)).map(BigInt),
    first: fc.tuple(maybe(text), maybe(text)),
    entries: fc.oneof(entries, fc.constant(undefined), fc.constant<Entry[]>([])),
    later,
    // continuation: these flags stand for no property that anybody knows
    words: fc.array(
      fc.nat(0x7fff).map((word) => word << 1),
      { maxLength: 3 },
    ),
    unknown: fc.uint8Array({ maxLength: 20 }),
  })
  .map(({ first, later, words, unknown, entries, ...rest }) => {
    const present = [...first, entries, ...later];
    let flags = 0;
    present.forEach((property, i) => {
      if (property !== undefined) flags |= 0x8000 >>> i;
    });
    const isBuffer = (each: Buffer | undefined): each is Buffer => each !== undefined;
    const all = [flags, ...words];
    return {
      ...rest,
      classId: 60,
      flags: all.map((word, i) => (i < all.length - 1 ? word | 1 : word)),
      before: Buffer.concat(first.filter(isBuffer)),
      entries,
      after: Buffer.concat([...later.filter(isBuffer), ...(words.length > 0 ? [Buffer.from(unknown)] : [])]),
    };
  });
