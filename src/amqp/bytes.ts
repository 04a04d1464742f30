/** The global Buffer is a getter in Node, called each time it is named. */
const { copy } = Buffer.prototype;

/** A loop beats the call below up to about this many bytes (bench/micro.ts). */
const SHORT = 24;

/** Copies from[start, end) to `to` at `at`; returns the offset behind. Makes no view, so allocates nothing. */
export function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  if (end - start > SHORT) copy.call(from, to, at, start, end);
  else for (let i = start, o = at; i < end; ) to[o++] = from[i++];
  return at + end - start;
}
