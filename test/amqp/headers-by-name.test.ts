import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ContentHeader, MARKED } from '../../src/amqp/content.ts';
import { decodeHeader, type Entry, encodeHeader, entry, entryBytes, string, u64 } from '../../testing/wire.ts';
import { contentHeader, KNOWN } from './arbitraries.ts';

const name = fc.constantFrom('a', 'b', 'tenant', 'tenants', 'ü', '', 'x'.repeat(255));
const values = fc.constantFrom<(key: string) => Entry>(
  (key) => string(key, 'one'),
  (key) => entry(key, 'l', u64(2)),
  (key) => entry(key, 't', Buffer.of(1)),
  (key) => string(key, ''),
);
/** Few names, so that they come again; known ones among them. */
const entries = fc.array(
  fc.tuple(fc.oneof(name, fc.constantFrom(...KNOWN)), values).map(([key, value]) => value(key)),
  { maxLength: 12 },
);
const message = fc.tuple(contentHeader, entries).map(([parts, entries]) => ({
  ...parts,
  flags: [parts.flags[0] | 0x2000, ...parts.flags.slice(1)],
  entries,
}));
const isNamed = ({ key }: Entry, wanted: string): boolean => key.toString() === wanted;

test('a header is found by any name: the last one of that name, or none', () => {
  const reader = new ContentHeader(KNOWN);
  fc.assert(
    fc.property(message, name, (parts, wanted) => {
      const bytes = encodeHeader(parts);
      expect(reader.read(bytes, 0, bytes.length)).toBe(true);
      const last = parts.entries.findLast((each) => isNamed(each, wanted));
      const at = reader.find(Buffer.from(wanted));
      expect(at >= 0).toBe(last !== undefined);
      if (last === undefined) return;
      expect(String.fromCharCode(bytes[at])).toBe(last.type);
      expect(bytes.subarray(at + 1, at + 1 + last.value.length).equals(last.value)).toBe(true);
    }),
  );
});

test('what is marked goes, beside what is known and removed; all the rest stays byte for byte', () => {
  const reader = new ContentHeader(KNOWN);
  const added = string('added', 'x');
  fc.assert(
    fc.property(message, fc.array(name, { maxLength: 4 }), fc.nat(7), (parts, marked, known) => {
      const bytes = encodeHeader(parts);
      reader.read(bytes, 0, bytes.length);
      for (const each of marked)
        expect(reader.mark(Buffer.from(each))).toBe(parts.entries.some((one) => isNamed(one, each)));
      const remove = known | MARKED;
      const kept = parts.entries.filter(
        (each) =>
          !marked.some((one) => isNamed(each, one)) &&
          !KNOWN.some((one, i) => (known & (1 << i)) !== 0 && isNamed(each, one)),
      );
      const extra = entryBytes(added);
      const out = Buffer.alloc(reader.splicedSize(remove, extra.length));
      expect(reader.splice(out, 0, remove, extra, extra.length)).toBe(out.length);
      expect(decodeHeader(out)).toEqual({ ...parts, entries: [...kept, added] });
    }),
    { numRuns: 500 },
  );
});

test('a message without a table has no header, and nothing to mark', () => {
  const reader = new ContentHeader(KNOWN);
  const bytes = encodeHeader({
    channel: 1,
    classId: 60,
    weight: 0,
    bodySize: 0n,
    flags: [0],
    before: Buffer.alloc(0),
    entries: undefined,
    after: Buffer.alloc(0),
  });
  reader.read(bytes, 0, bytes.length);
  expect([reader.find(Buffer.from('a')), reader.mark(Buffer.from('a'))]).toEqual([-1, false]);
});
