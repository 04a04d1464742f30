import { viewOf } from './bytes.ts';

/**
 * Field tables as RabbitMQ writes them (its deviations from the specification: `s` is int16,
 * `l` and `L` are both signed 64-bit, `x` is a byte array, there is no `U`).
 */
export type FieldValue = string | number | bigint | boolean | null | Uint8Array | FieldValue[] | FieldTable;
export interface FieldTable {
  [name: string]: FieldValue;
}

/** Bytes were not what the wire format says; carries no content of a message. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
}

export const readU16 = (buf: Uint8Array, at: number): number => (buf[at] << 8) | buf[at + 1];
/** Four bytes to compare: the sign means nothing, and the comparison is one of small integers. */
export const readI32 = (buf: Uint8Array, at: number): number =>
  (buf[at] << 24) | (buf[at + 1] << 16) | (buf[at + 2] << 8) | buf[at + 3];
export const readU32 = (buf: Uint8Array, at: number): number => readI32(buf, at) >>> 0;
/** Exact up to 2^53; delivery tags, body sizes and microseconds stay below. */
export const readU64 = (buf: Uint8Array, at: number): number => readU32(buf, at) * 0x1_0000_0000 + readU32(buf, at + 4);

/** The same as readU64, by a view of the bytes. */
export const viewU64 = (view: DataView, at: number): number =>
  view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);

export function writeU16(buf: Uint8Array, at: number, value: number): void {
  buf[at] = value >>> 8;
  buf[at + 1] = value;
}
export function writeU32(buf: Uint8Array, at: number, value: number): void {
  buf[at] = value >>> 24;
  buf[at + 1] = value >>> 16;
  buf[at + 2] = value >>> 8;
  buf[at + 3] = value;
}
export function writeU64(buf: Uint8Array, at: number, value: number): void {
  writeU32(buf, at, Math.floor(value / 0x1_0000_0000));
  writeU32(buf, at + 4, value >>> 0);
}

export function text(buf: Uint8Array, start: number, end: number): string {
  return Buffer.from(buf.buffer, buf.byteOffset + start, end - start).toString('utf8');
}

/** Size of a value by its type octet; -1: four bytes of length and that many more; -2: no such type. */
const sizes = new Int8Array(256).fill(-2);
for (const [types, size] of [
  ['V', 0],
  ['tbB', 1],
  ['su', 2],
  ['Iif', 4],
  ['D', 5],
  ['lLdT', 8],
  ['SxFA', -1],
] as const) {
  for (const type of types) sizes[type.charCodeAt(0)] = size;
}

/**
 * The offset behind the value whose type octet is at `at`, or -1 if it is of no known type or
 * runs over `end`. Looks at lengths only, not into nested tables.
 */
export function skipValue(view: DataView, at: number, end: number): number {
  if (at >= end) return -1;
  const size = sizes[view.getUint8(at)];
  let next = at + 1;
  if (size >= 0) next += size;
  else if (size === -1 && next + 4 <= end) next += 4 + view.getUint32(next);
  else return -1;
  return next <= end ? next : -1;
}

/** Deepest nesting read; deeper tables are malformed to us (they pass, unread). */
const MAX_DEPTH = 32;

/** The table whose length is at `at`. Throws MalformedError. Later duplicates win. */
export function readTable(buf: Uint8Array, at: number, end: number, depth = 0): FieldTable {
  if (depth > MAX_DEPTH || at + 4 > end) throw new MalformedError('table');
  const stop = at + 4 + readU32(buf, at);
  if (stop > end) throw new MalformedError('table length');
  const view = viewOf(buf);
  const table: FieldTable = Object.create(null);
  let p = at + 4;
  while (p < stop) {
    const keyEnd = p + 1 + buf[p];
    const next = keyEnd < stop ? skipValue(view, keyEnd, stop) : -1;
    if (next < 0) throw new MalformedError('table entry');
    table[text(buf, p + 1, keyEnd)] = readValue(buf, keyEnd, next, depth);
    p = next;
  }
  return table;
}

function readArray(buf: Uint8Array, start: number, end: number, depth: number): FieldValue[] {
  if (depth > MAX_DEPTH) throw new MalformedError('array');
  const view = viewOf(buf);
  const values: FieldValue[] = [];
  for (let p = start; p < end; ) {
    const next = skipValue(view, p, end);
    if (next < 0) throw new MalformedError('array entry');
    values.push(readValue(buf, p, next, depth));
    p = next;
  }
  return values;
}

/** The value whose type octet is at `at` and which ends at `end` (skipValue). Throws MalformedError. */
export function readValue(buf: Uint8Array, at: number, end: number, depth = 0): FieldValue {
  const view = viewOf(buf);
  const p = at + 1;
  switch (String.fromCharCode(buf[at])) {
    case 'V':
      return null;
    case 't':
      return buf[p] !== 0;
    case 'b':
      return view.getInt8(p);
    case 'B':
      return buf[p];
    case 's':
      return view.getInt16(p);
    case 'u':
      return view.getUint16(p);
    case 'I':
      return view.getInt32(p);
    case 'i':
      return view.getUint32(p);
    case 'f':
      return view.getFloat32(p);
    case 'd':
      return view.getFloat64(p);
    case 'D':
      return view.getInt32(p + 1) / 10 ** buf[p];
    case 'l':
    case 'L':
      return view.getBigInt64(p);
    case 'T':
      return view.getBigUint64(p);
    case 'S':
      return text(buf, p + 4, end);
    case 'x':
      // a copy, which Buffer's slice is not
      return new Uint8Array(buf.subarray(p + 4, end));
    case 'F':
      return readTable(buf, p, end, depth + 1);
    default:
      return readArray(buf, p + 4, end, depth + 1);
  }
}
