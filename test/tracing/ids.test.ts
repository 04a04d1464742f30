import fc from 'fast-check';
import { expect, test } from 'vitest';
import { viewOf } from '../../src/amqp/bytes.ts';
import { writeHex } from '../../src/events/hex.ts';
import { createIdPool, readHex } from '../../src/telemetry/traces/ids.ts';

const anyWords = fc.uint32Array({ minLength: 1, maxLength: 8 });

test('ids are written at the offset and nowhere else', () => {
  const pool = createIdPool();
  const words = new Uint32Array(8);
  pool.traceId(words, 1);
  pool.spanId(words, 6);
  expect([words[0], words[5]]).toEqual([0, 0]);
  expect(words.subarray(1, 5)).not.toEqual(new Uint32Array(4));
  expect(words.subarray(6)).not.toEqual(new Uint32Array(2));
});

test('ids do not repeat when the pool is refilled', () => {
  const pool = createIdPool(16);
  const words = new Uint32Array(4);
  const seen = new Set<string>();
  for (let i = 0; i < 10_000; i++) {
    pool.traceId(words, 0);
    seen.add(words.join());
  }
  expect(seen.size).toBe(10_000);
});

test('every bit of an id is as often set as not, and no two pools draw the same', () => {
  const [one, other] = [createIdPool(), createIdPool()];
  const words = new Uint32Array(4);
  const set = new Array(128).fill(0);
  const draws = 20_000;
  const first = new Set<string>();
  for (let i = 0; i < draws; i++) {
    one.traceId(words, 0);
    first.add(words.join());
    for (let bit = 0; bit < 128; bit++) set[bit] += (words[bit >> 5] >>> (bit & 31)) & 1;
  }
  // ten standard deviations
  for (const count of set) expect(Math.abs(count - draws / 2)).toBeLessThan(10 * Math.sqrt(draws / 4));
  for (let i = 0; i < draws; i++) {
    other.traceId(words, 0);
    expect(first.has(words.join())).toBe(false);
  }
});

test('every word of the pool is used once, whatever is drawn', () => {
  let next = 1;
  const pool = createIdPool(6, (words) => {
    for (let i = 0; i < words.length; i++) words[i] = next++;
  });
  const words = new Uint32Array(6);
  pool.traceId(words, 0);
  pool.spanId(words, 4);
  expect([...words]).toEqual([1, 2, 3, 4, 5, 6]);
  pool.spanId(words, 0);
  pool.traceId(words, 2);
  expect([...words]).toEqual([7, 8, 9, 10, 11, 12]);
});

test('an id is never all zero', () => {
  const fills = [0, 0, 7];
  const pool = createIdPool(4, (words) => words.fill(fills.shift() as number));
  const words = new Uint32Array(4);
  pool.traceId(words, 0);
  expect([...words]).toEqual([7, 7, 7, 7]);
});

test('words are written as the hex that Node writes for their bytes', () => {
  fc.assert(
    fc.property(anyWords, (words) => {
      const target = Buffer.alloc(words.length * 8 + 2, '.');
      writeHex(words, 0, words.length, viewOf(target), 1);
      const bytes = Buffer.alloc(words.length * 4);
      words.forEach((word, i) => {
        bytes.writeUInt32BE(word, i * 4);
      });
      expect(target.toString()).toBe(`.${bytes.toString('hex')}.`);
    }),
  );
});

test('hex reads back as the words it was written from', () => {
  fc.assert(
    fc.property(anyWords, (words) => {
      const text = Buffer.alloc(words.length * 8);
      writeHex(words, 0, words.length, viewOf(text), 0);
      const back = new Uint32Array(words.length);
      const nonZero = words.some((word) => word !== 0);
      expect(readHex(text, 0, words.length, back, 0)).toBe(nonZero);
      expect(back).toEqual(words);
    }),
  );
});

test('hex with any byte but 0-9 and a-f is refused', () => {
  const digits = Buffer.from('0123456789abcdef');
  fc.assert(
    fc.property(fc.nat(15), fc.nat(255), (at, byte) => {
      const text = Buffer.from('1234567890abcdef');
      text[at] = byte;
      expect(readHex(text, 0, 2, new Uint32Array(2), 0)).toBe(digits.includes(byte));
    }),
    { numRuns: 4096 },
  );
});
