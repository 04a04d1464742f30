const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Lowercase hex of `count` words, as ids appear in events. */
export function hexOf(words: Uint32Array, at: number, count: number): string {
  let hex = '';
  for (let i = at; i < at + count; i++) {
    const word = words[i];
    hex += HEX[word >>> 24] + HEX[(word >>> 16) & 0xff] + HEX[(word >>> 8) & 0xff] + HEX[word & 0xff];
  }
  return hex;
}
