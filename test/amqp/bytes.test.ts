import fc from 'fast-check';
import { expect, test } from 'vitest';
import { copyBytes, copyWords, viewOf } from '../../src/amqp/bytes.ts';

test('every byte is copied to its place and no other is touched, from and to any offset', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(40), fc.nat(20), (from, skip, at) => {
      const start = Math.min(skip, from.length);
      const size = from.length - start;
      const expected = Buffer.alloc(at + size + 9, 0x2e);
      expected.set(from.subarray(start), at);
      for (const copy of [
        (to: Buffer) => copyBytes(from, start, from.length, to, at),
        (to: Buffer) => copyWords(viewOf(from), start, from.length, viewOf(to), at),
      ]) {
        const to = Buffer.alloc(expected.length, 0x2e);
        expect(copy(to)).toBe(at + size);
        expect(to).toEqual(expected);
      }
    }),
  );
});
