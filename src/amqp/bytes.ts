/** The global Buffer is a getter in Node, called each time it is named. */
const { copy } = Buffer.prototype;

/** The same bytes, to be read and written by word. */
export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Copies like copyBytes, by views of the same bytes: eight at a time, which beats the call up to
 * some 500 bytes. Exact for all of them: a bigint that only passes is a register to the compiler.
 */
export function copyWords(from: DataView, start: number, end: number, to: DataView, at: number): number {
  let i = start;
  let o = at;
  for (; i + 8 <= end; i += 8, o += 8) to.setBigUint64(o, from.getBigUint64(i, true), true);
  if (i + 4 <= end) {
    to.setInt32(o, from.getInt32(i, true), true);
    i += 4;
    o += 4;
  }
  for (; i < end; i++, o++) to.setUint8(o, from.getUint8(i));
  return o;
}

/** Whether the bytes at two offsets are the same: eight at a time, as copyWords has them, and the last eight by themselves. */
export function sameBytes(view: DataView, a: number, b: number, length: number): boolean {
  const last = length - 8;
  if (last < 0) {
    for (let i = 0; i < length; i++) if (view.getUint8(a + i) !== view.getUint8(b + i)) return false;
    return true;
  }
  for (let i = 0; i < last; i += 8) if (view.getBigInt64(a + i, true) !== view.getBigInt64(b + i, true)) return false;
  return view.getBigInt64(a + last, true) === view.getBigInt64(b + last, true);
}

/** A loop beats the call below up to about this many bytes (bench/micro.ts). */
const SHORT = 24;

/** Copies from[start, end) to `to` at `at`; returns the offset behind. Makes no view, so allocates nothing. */
export function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  if (end - start > SHORT) copy.call(from, to, at, start, end);
  else for (let i = start, o = at; i < end; ) to[o++] = from[i++];
  return at + end - start;
}

type Column = Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

export const NO_BYTES = new Uint8Array(0);

/** Columns that hold nothing yet: a connection has dozens, and most of them never will. */
export const NO_FLOATS = new Float64Array(0);
export const NO_WORDS = new Uint32Array(0);
export const NO_SLOTS = new Int32Array(0);
export const NO_BITS = new Uint16Array(0);

/** The same column with more room. What it had is handed over, not left to the collector: columns grow under load. */
export function grown<T extends Column>(from: T, length: number): T {
  const column = from.constructor as new (room: ArrayBuffer | number) => T;
  // an empty one may be shared
  return new column(from.length === 0 ? length : from.buffer.transfer(length * from.BYTES_PER_ELEMENT));
}
