const hex8 = (word: number): string => word.toString(16).padStart(8, '0');

/** Lowercase hex of `count` words, as ids appear in events. */
export function hexOf(words: Uint32Array, at: number, count: number): string {
  let hex = '';
  for (let i = at; i < at + count; i++) hex += hex8(words[i]);
  return hex;
}
