import { randomFillSync } from 'node:crypto';

/**
 * Trace and span ids as 32-bit words, most significant first: a trace id is 4 words, a span id 2.
 * Runs on the traffic thread for every message, so nothing here makes a string or an object.
 */
export const TRACE_WORDS = 4;
export const SPAN_WORDS = 2;
/** Words of a whole context: trace id, then span id. */
export const CONTEXT_WORDS = TRACE_WORDS + SPAN_WORDS;

export interface IdPool {
  /** Writes a new trace id, never all zero, into 4 words of `words` from `at`. */
  traceId(words: Uint32Array, at: number): void;
  /** Writes a new span id, never all zero, into 2 words of `words` from `at`. */
  spanId(words: Uint32Array, at: number): void;
  /** Fills `words` with such trace ids, each with a span id behind it. */
  contexts(words: Uint32Array): void;
}

/**
 * Fills words by xoshiro128++ (Blackman and Vigna), seeded from the kernel: ids have to differ from
 * each other, not to be secret, and a call for random bytes costs more than all else about an id.
 */
function seeded(): (words: Uint32Array) => void {
  const state = randomFillSync(new Int32Array(4));
  // the one state it would never leave
  if (state.every((word) => word === 0)) state[0] = 1;
  return (words) => {
    let [a, b, c, d] = state;
    for (let i = 0; i < words.length; i++) {
      const sum = (a + d) | 0;
      words[i] = ((sum << 7) | (sum >>> 25)) + a;
      const shifted = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= shifted;
      d = (d << 11) | (d >>> 21);
    }
    state[0] = a;
    state[1] = b;
    state[2] = c;
    state[3] = d;
  };
}

/** Random ids drawn in bulk, `size` words at once. */
export function createIdPool(size = 1536, fill: (words: Uint32Array) => void = seeded()): IdPool {
  const pool = new Uint32Array(size);
  let next = size;

  function draw(count: number, words: Uint32Array, at: number): void {
    let any = 0;
    do {
      if (next + count > size) {
        fill(pool);
        next = 0;
      }
      for (let i = 0; i < count; i++) any |= words[at + i] = pool[next++];
    } while (any === 0);
  }

  return {
    traceId: (words, at) => draw(TRACE_WORDS, words, at),
    spanId: (words, at) => draw(SPAN_WORDS, words, at),
    contexts(words) {
      fill(words);
      for (let at = 0; at < words.length; at += CONTEXT_WORDS) {
        const span = at + TRACE_WORDS;
        if ((words[at] | words[at + 1] | words[at + 2] | words[at + 3]) === 0) draw(TRACE_WORDS, words, at);
        if ((words[span] | words[span + 1]) === 0) draw(SPAN_WORDS, words, span);
      }
    },
  };
}

/** Value of an ASCII byte as a lowercase hex digit, -1 for every other byte. */
const DIGIT = new Int8Array(256).fill(-1);
for (let value = 0; value < 16; value++) DIGIT[value.toString(16).charCodeAt(0)] = value;

/** Value of the two hex digits at `at`, or a negative number. */
export function readHexByte(buf: Buffer, at: number): number {
  // -1 has every bit set, so one bad digit makes the whole negative.
  return (DIGIT[buf[at]] << 4) | DIGIT[buf[at + 1]];
}

/**
 * Reads `count` words of lowercase hex at `start` into `words` from `at`.
 * False if there is any other byte, or nothing but zeros, which no id may be.
 */
export function readHex(buf: Buffer, start: number, count: number, words: Uint32Array, at: number): boolean {
  let any = 0;
  for (let i = 0; i < count; i++) {
    let word = 0;
    let bad = 0;
    for (let end = start + 8; start < end; start += 2) {
      const byte = readHexByte(buf, start);
      bad |= byte;
      word = (word << 8) | (byte & 0xff);
    }
    if (bad < 0) return false;
    any |= words[at + i] = word;
  }
  return any !== 0;
}
