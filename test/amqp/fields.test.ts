import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { viewOf } from '../../src/amqp/bytes.ts';
import { MalformedError, readTable, skipValue } from '../../src/amqp/fields.ts';
import { entry, long, table, u8 } from '../../testing/wire.ts';
import { field, meaningOf, namedFields, tableOf } from './arbitraries.ts';

/** `bytes` in the middle of others, so that whoever reads too far reads something. */
function inside(bytes: Buffer): { buf: Buffer; start: number; end: number } {
  const buf = Buffer.concat([Buffer.alloc(9, 0x53), bytes, Buffer.alloc(9, 0x53)]);
  return { buf, start: 9, end: 9 + bytes.length };
}
const read = (bytes: Buffer) => {
  const { buf, start, end } = inside(bytes);
  return readTable(buf, start, end);
};

describe('field tables', () => {
  test('every type means what RabbitMQ means by it, nested and alone', () => {
    fc.assert(
      fc.property(namedFields, (pairs) => {
        expect(read(tableOf(pairs))).toEqual(meaningOf(pairs));
      }),
      { numRuns: 1000 },
    );
  });

  test('every value is skipped exactly, wherever it ends', () => {
    fc.assert(
      fc.property(field, ({ type, bytes }) => {
        const { buf, start, end } = inside(Buffer.concat([Buffer.from(type), bytes]));
        expect(skipValue(viewOf(buf), start, end)).toBe(end);
        expect(skipValue(viewOf(buf), start, end + 9)).toBe(end);
        for (let cut = Math.max(start, end - 12); cut < end; cut++) expect(skipValue(viewOf(buf), start, cut)).toBe(-1);
      }),
      { numRuns: 500 },
    );
  });

  test('bytes read are a copy', () => {
    const { buf, start, end } = inside(table([entry('b', 'x', long(Buffer.of(1, 2, 3)))]));
    const { b } = readTable(buf, start, end);
    buf.fill(0);
    expect(b).toEqual(Uint8Array.of(1, 2, 3));
  });

  test('a table cut anywhere is malformed', () => {
    const whole = table([entry('a', 'I', Buffer.alloc(4)), entry('t', 'F', table([entry('s', 'S', long('text'))]))]);
    for (let cut = 0; cut < whole.length; cut++) {
      const { buf, start } = inside(whole);
      expect(() => readTable(buf, start, start + cut)).toThrow(MalformedError);
    }
  });

  test('no other type is known', () => {
    for (let octet = 0; octet < 256; octet++) {
      const type = String.fromCharCode(octet);
      if ('VtbBsuIiflLdDTSxFA'.includes(type)) continue;
      expect(() => read(table([entry('a', type, Buffer.alloc(30))])), type).toThrow(MalformedError);
    }
  });

  test.each(['F', 'A'])('nesting of %s has a limit: deeper is malformed, and no stack overflows', (type) => {
    const nested = (depth: number): Buffer => {
      let value = long('');
      for (let i = 1; i < depth; i++) {
        value = type === 'F' ? table([entry('', 'F', value)]) : long(Buffer.concat([Buffer.from('A'), value]));
      }
      return table([entry('top', type, value)]);
    };
    expect(() => read(nested(30))).not.toThrow();
    expect(() => read(nested(40))).toThrow(MalformedError);
    expect(() => read(nested(3000))).toThrow(MalformedError);
  });

  test('random bytes are a table or malformed, nothing else', () => {
    const tabular = fc.array(
      fc.oneof(
        fc.nat(255).map(u8),
        fc.constantFrom(...'VtbBsuIiflLdDTSxFA').map((type) => Buffer.from(type)),
        fc.nat(20).map((size) => Buffer.of(0, 0, 0, size)),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(tabular, fc.boolean(), (parts, sized) => {
        const bytes = sized ? long(Buffer.concat(parts)) : Buffer.concat(parts);
        try {
          read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
