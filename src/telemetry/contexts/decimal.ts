/** Digits of the greatest number of 64 bits. */
const MOST_DIGITS = 20;
const ZERO = 0x30;

/** Four groups of 16 bits, most significant first: products and remainders of them stay small integers. */
const groups = new Int32Array(4);

/** Reads a decimal of 64 bits into two words, most significant first. False if it is none, is too large, or is 0. */
export function readDecimal(buf: Uint8Array, start: number, length: number, words: Uint32Array, at: number): boolean {
  if (length < 1 || length > MOST_DIGITS) return false;
  groups.fill(0);
  for (let i = 0; i < length; i++) {
    let carry = buf[start + i] - ZERO;
    if (carry < 0 || carry > 9) return false;
    for (let g = 3; g >= 0; g--) {
      const product = groups[g] * 10 + carry;
      groups[g] = product & 0xffff;
      carry = product >>> 16;
    }
    if (carry !== 0) return false;
  }
  words[at] = (groups[0] << 16) | groups[1];
  words[at + 1] = (groups[2] << 16) | groups[3];
  return (words[at] | words[at + 1]) !== 0;
}

const digits = new Uint8Array(MOST_DIGITS);

/** Writes two words, most significant first, as one decimal number. Returns how many digits. */
export function writeDecimal(words: Uint32Array, at: number, view: DataView, to: number): number {
  groups[0] = words[at] >>> 16;
  groups[1] = words[at] & 0xffff;
  groups[2] = words[at + 1] >>> 16;
  groups[3] = words[at + 1] & 0xffff;
  let first = MOST_DIGITS;
  // four digits at a time: with no more, products stay small integers. By literals, as V8 divides by these alone quickly
  do {
    let rest = 0;
    for (let g = 0; g < 4; g++) {
      const value = rest * 0x10000 + groups[g];
      groups[g] = (value / 10_000) | 0;
      rest = value - groups[g] * 10_000;
    }
    for (let i = 0; i < 4; i++) {
      digits[--first] = ZERO + (rest % 10);
      rest = (rest / 10) | 0;
    }
  } while ((groups[0] | groups[1] | groups[2] | groups[3]) !== 0);
  while (first < MOST_DIGITS - 1 && digits[first] === ZERO) first++;
  for (let i = first; i < MOST_DIGITS; i++) view.setUint8(to + i - first, digits[i]);
  return MOST_DIGITS - first;
}
