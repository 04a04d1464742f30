import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ContentHeader, writeKey } from '../../src/amqp/content.ts';
import { properties } from '../../src/amqp/spec.ts';
import {
  decodeHeader,
  type Entry,
  encodeHeader,
  entry,
  entryBytes,
  type Header,
  header,
  long,
  short,
  string,
  table,
  u64,
} from '../../testing/wire.ts';
import { contentHeader, KNOWN } from './arbitraries.ts';

const TRACEPARENT = 0;
const SENT = 2;
const context = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const ours: Entry[] = [entry(KNOWN[SENT], 'l', u64(1_700_000_000_000_000)), string(KNOWN[TRACEPARENT], context)];

/** A flyweight that has read `bytes`, which stand between others. */
function read(bytes: Buffer, reader = new ContentHeader(KNOWN)): { reader: ContentHeader; readable: boolean } {
  const buf = Buffer.concat([Buffer.alloc(7, 0xce), bytes, Buffer.alloc(7, 0x20)]);
  return { reader, readable: reader.read(buf, 7, 7 + bytes.length) };
}

/** Splices into the middle of a larger buffer and gives back what was written, nothing else being touched. */
function splice(reader: ContentHeader, remove: number, added: Entry[], dropTable = false): Buffer {
  const entries = Buffer.concat([...added.map(entryBytes), Buffer.alloc(5, 0xee)]);
  const size = reader.splicedSize(remove, entries.length - 5, dropTable);
  const out = Buffer.alloc(size + 20, 0xaa);
  const end = reader.splice(out, 10, remove, entries, entries.length - 5, dropTable);
  expect(end).toBe(10 + size);
  expect(out.subarray(0, 10).equals(Buffer.alloc(10, 0xaa)) && out.subarray(end).equals(Buffer.alloc(10, 0xaa))).toBe(
    true,
  );
  return out.subarray(10, end);
}

const isKnown = (each: Entry, known: number): boolean => each.key.toString('latin1') === KNOWN[known];
const kept = (entries: Entry[] | undefined, remove: number): Entry[] =>
  (entries ?? []).filter((each) => !KNOWN.some((_, known) => (remove & (1 << known)) !== 0 && isKnown(each, known)));

describe('a content header', () => {
  test('keeps every byte but those asked for, and has the size announced', () => {
    const reader = new ContentHeader(KNOWN);
    fc.assert(
      fc.property(contentHeader, fc.nat(15), fc.subarray(ours), (parts, remove, added) => {
        const bytes = encodeHeader(parts);
        expect(read(bytes, reader).readable).toBe(true);
        expect(reader.frameSize).toBe(bytes.length);
        const spliced = splice(reader, remove, added);
        // whole frames compared: what stands outside the entries added and removed is the app's, byte by byte
        const wanted: Header = {
          ...parts,
          flags: [parts.flags[0] | 0x2000, ...parts.flags.slice(1)],
          entries: [...kept(parts.entries, remove), ...added],
        };
        expect(spliced.toString('hex')).toBe(encodeHeader(wanted).toString('hex'));
        expect(decodeHeader(spliced)).toEqual(wanted);
      }),
      { numRuns: 2000 },
    );
  });

  test('with ours added and then stripped is the very one that came', () => {
    const withoutOurs = contentHeader.map((parts) =>
      parts.entries === undefined
        ? parts
        : { ...parts, entries: kept(parts.entries, (1 << SENT) | (1 << TRACEPARENT)) },
    );
    const reader = new ContentHeader(KNOWN);
    fc.assert(
      fc.property(withoutOurs, fc.subarray(ours, { minLength: 1 }), (parts, added) => {
        const bytes = encodeHeader(parts);
        read(bytes, reader);
        const sent = splice(reader, 0, added);
        const back = new ContentHeader(KNOWN);
        expect(read(sent, back).readable).toBe(true);
        const names = added.reduce((bits, each) => bits | (1 << KNOWN.indexOf(each.key.toString())), 0);
        expect(back.hasOnly(names)).toBe((parts.entries ?? []).length === 0);
        const stripped = splice(back, names, [], parts.entries === undefined);
        expect(stripped.toString('hex')).toBe(bytes.toString('hex'));
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['no table', undefined],
    ['an empty table', []],
    ['a filled table', [string('own', 'header'), entry('', 'V', Buffer.alloc(0))]],
  ])('with %s comes back as it was', (_, entries) => {
    const bytes = header(1, 5, entries);
    const sent = splice(read(bytes).reader, 0, ours);
    expect(decodeHeader(sent).entries).toEqual([...(entries ?? []), ...ours]);
    const back = read(sent).reader;
    expect(splice(back, (1 << SENT) | (1 << TRACEPARENT), [], entries === undefined).equals(bytes)).toBe(true);
  });

  test('without a table, asked to drop it, stays as it is', () => {
    const bytes = header(1, 5);
    expect(splice(read(bytes).reader, 0, [], true).equals(bytes)).toBe(true);
  });

  test('tells where the known headers are: the last of each, as clients read them', () => {
    fc.assert(
      fc.property(contentHeader, (parts) => {
        const { reader } = read(encodeHeader(parts));
        expect(reader.hasTable).toBe(parts.entries !== undefined);
        KNOWN.forEach((_, known) => {
          const last = (parts.entries ?? []).filter((each) => isKnown(each, known)).at(-1);
          const at = reader.value(known);
          if (last === undefined) {
            expect(at).toBe(-1);
            expect(reader.stringAt(known)).toBe(-1);
            expect(reader.integer(known)).toBeNaN();
            return;
          }
          const raw = Buffer.concat([Buffer.from(last.type), last.value]);
          expect(Buffer.from(reader.buf.subarray(at, at + raw.length)).equals(raw)).toBe(true);
          const isString = last.type === 'S' || last.type === 'x';
          if (!isString) expect(reader.stringAt(known)).toBe(-1);
          else {
            const start = reader.stringAt(known);
            expect(reader.stringLength(known)).toBe(last.value.length - 4);
            expect(long(reader.buf.subarray(start, start + reader.stringLength(known)))).toEqual(last.value);
          }
          if ('lLT'.includes(last.type)) {
            expect(reader.integer(known)).toBe(Number(last.value.readBigUInt64BE()));
          } else expect(reader.integer(known)).toBeNaN();
        });
      }),
      { numRuns: 1000 },
    );
  });

  test('tells the body size, exactly up to 2^53', () => {
    fc.assert(
      fc.property(contentHeader, (parts) => {
        expect(BigInt(read(encodeHeader(parts)).reader.bodySize)).toBe(parts.bodySize);
      }),
    );
  });

  test('tells every property that is a text or one octet, and those only', () => {
    const names = properties.map(([name]) => name).filter((name) => name !== 'headers');
    const values: Record<string, Buffer> = { deliveryMode: Buffer.of(2), priority: Buffer.of(9), timestamp: u64(1) };
    for (let without = 0; without <= names.length; without++) {
      for (const entries of [undefined, [], [string('a', 'b')]]) {
        const present = names.filter((_, i) => i !== without);
        let flags = entries === undefined ? 0 : 0x2000;
        for (const name of present) flags |= 0x8000 >>> properties.findIndex(([each]) => each === name);
        const bytesOf = (name: string) => values[name] ?? short(`the ${name}`);
        const bytes = encodeHeader({
          ...{ channel: 1, classId: 60, weight: 0, bodySize: 0n, flags: [flags], entries },
          before: Buffer.concat(present.filter((name) => name.startsWith('content')).map(bytesOf)),
          after: Buffer.concat(present.filter((name) => !name.startsWith('content')).map(bytesOf)),
        });
        const { reader } = read(bytes);
        for (const [name, type] of properties) {
          const told = type === 'shortstr' ? `the ${name}` : type === 'octet' ? String(values[name][0]) : '';
          expect(reader.property(name)).toBe((present as string[]).includes(name) ? told : '');
        }
      }
    }
  });

  test('with properties that are cut off: still spliced, and they read as absent', () => {
    const whole = encodeHeader({
      ...decodeHeader(header(1, 0, [])),
      flags: [0x2000 | 0x0400],
      after: short('correlation'),
    });
    const bytes = Buffer.concat([whole.subarray(0, -5), Buffer.of(0xce)]);
    bytes.writeUInt32BE(bytes.length - 8, 3);
    const { reader, readable } = read(bytes);
    expect([readable, reader.property('correlationId')]).toEqual([true, '']);
    expect(decodeHeader(splice(reader, 0, ours)).after.equals(decodeHeader(bytes).after)).toBe(true);
  });

  test('with more known headers than are remembered loses none of the others', () => {
    const many = Array.from({ length: 40 }, (_, i) => string(i % 2 ? KNOWN[SENT] : `h${i}`, String(i)));
    const { reader } = read(header(1, 0, many));
    const left = decodeHeader(splice(reader, 1 << SENT, [])).entries ?? [];
    expect(left.filter((each) => !isKnown(each, SENT))).toEqual(many.filter((each) => !isKnown(each, SENT)));
    expect(left.length).toBeLessThanOrEqual(20 + 4);
  });

  test('of the largest size a frame can have is spliced whole', () => {
    const large = [string('large', 'x'.repeat(131_000))];
    const { reader } = read(header(1, 0, large));
    expect(decodeHeader(splice(reader, 0, ours)).entries).toEqual([...large, ...ours]);
  });

  test('key and type are written as the wire wants them', () => {
    const out = Buffer.alloc(20, 0xaa);
    expect(writeKey(out, 2, 'abc', 'l')).toBe(7);
    expect(out.subarray(2, 7)).toEqual(Buffer.from('\x03abcl'));
  });
});

/** Bytes that may be looked at in [start, end) only. */
function fenced(bytes: Buffer, start: number, end: number): Uint8Array {
  return new Proxy(bytes, {
    get(target, property) {
      const at = typeof property === 'string' ? Number(property) : Number.NaN;
      if (Number.isInteger(at) && (at < start || at >= end))
        throw new Error(`looked at ${at}, outside ${start}–${end}`);
      const value = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('a malformed content header', () => {
  /** A frame whose payload is `payload`, whatever that is. */
  function readFenced(payload: Buffer): { readable: boolean; bodySize: number } {
    const bytes = Buffer.concat([
      Buffer.alloc(11, 0xff),
      Buffer.from([2, 0, 1]),
      long(payload),
      Buffer.of(0xce),
      Buffer.alloc(11, 0xff),
    ]);
    const reader = new ContentHeader(KNOWN);
    const readable = reader.read(fenced(bytes, 11, bytes.length - 11), 11, bytes.length - 11);
    return { readable, bodySize: reader.bodySize };
  }
  const payloadOf = (bytes: Buffer) => bytes.subarray(7, -1);

  test('cut anywhere in front of its table’s end is not readable; its body size is, once it is there', () => {
    const full = encodeHeader({
      ...decodeHeader(header(1, 77, [string('a', 'b'), entry('t', 'F', table([string('c', 'd')])), ...ours])),
      flags: [0xe001, 2],
      before: Buffer.concat([short('text/plain'), short('gzip')]),
    });
    const payload = payloadOf(full);
    for (let size = 0; size <= payload.length; size++) {
      const { readable, bodySize } = readFenced(payload.subarray(0, size));
      expect(readable, `${size} of ${payload.length} bytes`).toBe(size === payload.length);
      expect(bodySize).toBe(size >= 12 ? 77 : Number.NaN);
    }
  });

  const prefix = (flags: number) =>
    payloadOf(encodeHeader({ ...decodeHeader(header(1, 7)), flags: [flags & ~1] })).subarray(0, 12);
  const flagged = (flags: number, ...rest: Buffer[]) =>
    Buffer.concat([prefix(flags), Buffer.of(flags >>> 8, flags & 0xff), ...rest]);
  test.each([
    ['a table that is longer than the frame', flagged(0x2000, Buffer.of(0, 0, 1, 0), Buffer.alloc(10))],
    ['a table of 4 GiB', flagged(0x2000, Buffer.of(255, 255, 255, 255))],
    ['a key longer than its table', flagged(0x2000, long(Buffer.of(9, 1, 2)))],
    ['a key without a value', flagged(0x2000, long(Buffer.from('\x01a')))],
    ['an unknown field type', flagged(0x2000, long(Buffer.from('\x01aU\0\0')))],
    ['a value longer than its table', flagged(0x2000, long(Buffer.from('\x01aS\0\0\0\x09abc')))],
    ['a nested table longer than its own', flagged(0x2000, long(Buffer.from('\x01aF\xff\0\0\0', 'latin1')))],
    ['a content type that runs over the end', flagged(0x8000, Buffer.of(9, 65))],
    ['a content encoding that runs over the end', flagged(0x4000, Buffer.of(9, 65))],
    ['flags that go on for ever', flagged(1, Buffer.alloc(8, 1))],
    ['a table announced and not there', flagged(0x2000)],
    ['all flags and nothing else', flagged(0xfffe)],
  ])('with %s', (_, payload) => {
    expect(readFenced(payload)).toEqual({ readable: false, bodySize: 7 });
  });

  test('random bytes never throw, and nothing outside the frame is looked at', () => {
    const flags = fc.constantFrom(0, 0x2000, 0x8000, 0xa000, 0xe000, 0xe001, 0xffff);
    const rest = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((each) => Buffer.from(each)),
      fc.uint8Array({ maxLength: 60 }).map((each) => long(each)),
    );
    fc.assert(
      fc.property(flags, rest, (first, bytes) => {
        expect(readFenced(flagged(first, bytes)).bodySize).toBe(7);
      }),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        readFenced(Buffer.from(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  test('does not leave anything of the header before it behind', () => {
    const reader = new ContentHeader(KNOWN);
    read(header(1, 5, ours), reader);
    expect(reader.value(SENT)).toBeGreaterThan(0);
    expect(read(header(1, 6), reader).readable).toBe(true);
    expect([reader.value(SENT), reader.value(TRACEPARENT), reader.hasTable, reader.hasOnly(15)]).toEqual([
      -1,
      -1,
      false,
      false,
    ]);
  });
});
