/** Value of an ASCII byte as a hex digit of either case, -1 for every other byte. */
const DIGIT = new Int8Array(256).fill(-1);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  DIGIT[digit.charCodeAt(0)] = DIGIT[digit.toUpperCase().charCodeAt(0)] = value;
}

/**
 * Reads a number of at most `count` words, written with any number of hex digits, right-aligned into `words` from `at`.
 * False if there is any other byte, no digit, more digits than fit, or nothing but zeros, which no id may be.
 */
export function readHexDigits(
  buf: Uint8Array,
  start: number,
  length: number,
  count: number,
  words: Uint32Array,
  at: number,
): boolean {
  if (length < 1 || length > count * 8) return false;
  for (let i = 0; i < count; i++) words[at + i] = 0;
  let any = 0;
  for (let i = 0; i < length; i++) {
    const digit = DIGIT[buf[start + length - 1 - i]];
    if (digit < 0) return false;
    any |= digit;
    words[at + count - 1 - (i >> 3)] |= digit << ((i & 7) * 4);
  }
  return any !== 0;
}

/** A single hex digit or two; -1 if it is none. */
export function readSmallHex(buf: Uint8Array, start: number, length: number): number {
  if (length < 1 || length > 2) return -1;
  const last = DIGIT[buf[start + length - 1]];
  if (length === 1 || last < 0) return last;
  const first = DIGIT[buf[start]];
  return first < 0 ? -1 : first * 16 + last;
}
