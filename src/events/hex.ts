// Trace and span ids are 32-bit words, most significant first; in headers and events they are lowercase hex.

/** The two ASCII digits of every byte, as one big-endian 16-bit number. */
const DIGITS = Uint16Array.from({ length: 256 }, (_, byte) => {
  const digits = byte.toString(16).padStart(2, '0');
  return (digits.charCodeAt(0) << 8) | digits.charCodeAt(1);
});

/** Writes `count` words from `offset` as lowercase hex, 8 bytes a word, into `target` from `at`. */
export function writeHex(words: Uint32Array, offset: number, count: number, target: DataView, at: number): void {
  for (let i = 0; i < count; i++) {
    const word = words[offset + i];
    target.setUint32(at + i * 8, (DIGITS[word >>> 24] << 16) | DIGITS[(word >>> 16) & 0xff]);
    target.setUint32(at + i * 8 + 4, (DIGITS[(word >>> 8) & 0xff] << 16) | DIGITS[word & 0xff]);
  }
}

const bytes = Buffer.alloc(32);
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** The same as a string, of at most 4 words: one string, not a tree of them, for it may be kept. */
export function hexOf(words: Uint32Array, offset: number, count: number): string {
  writeHex(words, offset, count, view, 0);
  return bytes.toString('latin1', 0, count * 8);
}
