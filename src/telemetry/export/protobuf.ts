import type { AnyValue } from '@opentelemetry/api';
import { copyWords, viewOf } from '../../amqp/bytes.ts';

/** A field's tag where its value is a number, eight bytes, a length and so many bytes, or four bytes. */
export const varintField = (field: number): number => field << 3;
export const fixed64Field = (field: number): number => (field << 3) | 1;
export const bytesField = (field: number): number => (field << 3) | 2;
export const fixed32Field = (field: number): number => (field << 3) | 5;

/** Bytes kept free for a message's length before it is known: right for all from 128 bytes to 16 KiB. */
const LENGTH = 2;

/** Fields of KeyValue and AnyValue. */
const KEY = bytesField(1);
const VALUE = bytesField(2);
const STRING = bytesField(1);
const BOOL = varintField(2);
const INT = varintField(3);
const DOUBLE = fixed64Field(4);
const ARRAY = bytesField(5);

/** An attribute's key as it is written again and again, with the tag of the value that follows. */
export type EncodedKey = DataView;

export function encodedKey(name: string): EncodedKey {
  const writer = new ProtobufWriter(256);
  writer.string(KEY, name);
  return viewOf(Uint8Array.from([...writer.written(), VALUE]));
}

/** The wire format of protobuf, and the attributes of OTLP in it, into a buffer that grows and is used again. */
export class ProtobufWriter {
  #bytes: Buffer;
  #view: DataView;
  #at = 0;

  /** `size`: of the buffer at first. */
  constructor(size = 1 << 16) {
    this.#bytes = Buffer.alloc(size);
    this.#view = viewOf(this.#bytes);
  }

  clear(): void {
    this.#at = 0;
  }

  /** All of it since it was cleared, as it stands in the buffer. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Begins a message within this one; hand what it returns to `close`. */
  open(tag: number): number {
    this.#tag(tag, LENGTH);
    this.#at += LENGTH;
    return this.#at;
  }

  /** Returns where what was written since `open` starts now. */
  close(start: number): number {
    const length = this.#at - start;
    const shift = sizeOf(length) - LENGTH;
    if (shift !== 0) {
      this.#room(shift);
      this.#bytes.copyWithin(start + shift, start, this.#at);
    }
    writeVarint(this.#bytes, start - LENGTH, length);
    this.#at += shift;
    return start + shift;
  }

  /** Writes these bytes; returns where in `view` they stand. */
  copy(bytes: DataView): number {
    const size = bytes.byteLength;
    this.#room(size);
    const at = this.#at;
    this.#at = copyWords(bytes, 0, size, this.#view, at);
    return at;
  }

  /** What was written so far may be changed in it, until more is written. */
  get view(): DataView {
    return this.#view;
  }

  number(tag: number, value: number): void {
    this.#tag(tag, 10);
    this.#at = writeVarint(this.#bytes, this.#at, value);
  }

  fixed32(tag: number, value: number): void {
    this.#tag(tag, 4);
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  double(tag: number, value: number): void {
    this.#tag(tag, 8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  /** Eight bytes of a whole number, also one that is more than a number holds. */
  fixed64(tag: number, value: number | string): void {
    this.#tag(tag, 8);
    this.#view.setBigUint64(this.#at, BigInt(value), true);
    this.#at += 8;
  }

  /** A whole number, also a negative one, in as few bytes as it is small. */
  signed(tag: number, value: number): void {
    this.number(tag, value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** Many numbers in one field. */
  packed(tag: number, values: readonly number[], kind: 'varint' | 'signed' | 'double' | 'fixed64'): void {
    const start = this.open(tag);
    for (const value of values) {
      this.#room(10);
      if (kind === 'varint') this.#at = writeVarint(this.#bytes, this.#at, value);
      else if (kind === 'signed') {
        this.#at = writeVarint(this.#bytes, this.#at, value < 0 ? -2 * value - 1 : 2 * value);
      } else {
        if (kind === 'double') this.#view.setFloat64(this.#at, value, true);
        else this.#view.setBigUint64(this.#at, BigInt(value), true);
        this.#at += 8;
      }
    }
    this.close(start);
  }

  /** Nanoseconds, of microseconds: more than a number holds. */
  nanoseconds(tag: number, microseconds: number): void {
    this.#tag(tag, 8);
    setNanoseconds(this.#view, this.#at, microseconds);
    this.#at += 8;
  }

  /** Bytes of lowercase hex. */
  hex(tag: number, digits: string): void {
    const size = digits.length / 2;
    this.#tag(tag, 10 + size);
    const bytes = this.#bytes;
    let at = writeVarint(bytes, this.#at, size);
    for (let i = 0; i < digits.length; i += 2) {
      bytes[at++] = (digitAt(digits, i) << 4) | digitAt(digits, i + 1);
    }
    this.#at = at;
  }

  string(tag: number, text: string): void {
    const size = utf8Size(text);
    this.#tag(tag, 10 + size);
    const at = writeVarint(this.#bytes, this.#at, size);
    this.#at = writeText(this.#bytes, at, text, size);
  }

  /** An attribute, as a KeyValue. */
  textAttribute(tag: number, key: EncodedKey, text: string): void {
    const size = utf8Size(text);
    this.#openAttribute(tag, key, 1 + sizeOf(size) + size);
    this.#bytes[this.#at] = STRING;
    this.#at = writeText(this.#bytes, writeVarint(this.#bytes, this.#at + 1, size), text, size);
  }

  flagAttribute(tag: number, key: EncodedKey, flag: boolean): void {
    this.#openAttribute(tag, key, 2);
    this.#flag(flag);
  }

  numberAttribute(tag: number, key: EncodedKey, value: number): void {
    this.#openAttribute(tag, key, 1 + (isInteger(value) ? sizeOf(value) : 8));
    this.#number(value);
  }

  /** An attribute of whatever kind. */
  attribute(tag: number, name: string, value: AnyValue): void {
    const start = this.open(tag);
    this.string(KEY, name);
    this.#anyValue(VALUE, value);
    this.close(start);
  }

  #anyValue(tag: number, value: AnyValue): void {
    const start = this.open(tag);
    if (typeof value === 'string') this.string(STRING, value);
    else if (typeof value === 'boolean') this.#flag(value);
    else if (typeof value === 'number') this.#number(value);
    else if (Array.isArray(value)) {
      const array = this.open(ARRAY);
      for (const each of value) this.#anyValue(bytesField(1), each);
      this.close(array);
    }
    this.close(start);
  }

  /** All of a KeyValue up to the bytes of its AnyValue, for which there is room then. */
  #openAttribute(tag: number, key: EncodedKey, valueSize: number): void {
    const size = key.byteLength + sizeOf(valueSize) + valueSize;
    this.#tag(tag, 10 + size);
    const at = writeVarint(this.#bytes, this.#at, size);
    this.#at = writeVarint(this.#bytes, copyWords(key, 0, key.byteLength, this.#view, at), valueSize);
  }

  /** And room for `more` bytes behind it. */
  #tag(tag: number, more: number): void {
    this.#room(10 + more);
    this.#at = writeVarint(this.#bytes, this.#at, tag);
  }

  #flag(value: boolean): void {
    this.#room(2);
    this.#bytes[this.#at++] = BOOL;
    this.#bytes[this.#at++] = value ? 1 : 0;
  }

  #number(value: number): void {
    this.#room(11);
    if (isInteger(value)) {
      this.#bytes[this.#at] = INT;
      this.#at = writeVarint(this.#bytes, this.#at + 1, value);
    } else {
      this.#bytes[this.#at] = DOUBLE;
      this.#view.setFloat64(this.#at + 1, value, true);
      this.#at += 9;
    }
  }

  #room(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const larger = Buffer.alloc(2 * (this.#at + size));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }
}

/** Nanoseconds as a fixed64. */
export function setNanoseconds(view: DataView, at: number, microseconds: number): void {
  const low = (microseconds >>> 0) * 1000;
  const high = Math.floor(microseconds / 2 ** 32) * 1000 + Math.floor(low / 2 ** 32);
  view.setUint32(at, low >>> 0, true);
  view.setUint32(at + 4, high, true);
}

/** Up to here shifts are exact. */
const MAX_INT = 2 ** 31 - 1;

/** A letter's code has a bit more than a digit's, and its low ones count from 1. */
const digitAt = (digits: string, i: number): number => {
  const code = digits.charCodeAt(i);
  return (code & 15) + (code >> 6) * 9;
};

/** No number of ours is a negative integer, which would take two's complement: as a double it is as exact. */
const isInteger = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** Bytes of a whole number as a varint. */
function sizeOf(value: number): number {
  let size = 1;
  let rest = value;
  for (; rest > MAX_INT; rest = Math.floor(rest / 128)) size++;
  for (; rest > 127; rest >>= 7) size++;
  return size;
}

function writeVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest > MAX_INT; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 128;
  for (; rest > 127; rest >>= 7) bytes[at++] = (rest & 127) | 128;
  bytes[at++] = rest;
  return at;
}

function utf8Size(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return Buffer.byteLength(text);
  return text.length;
}

/** `size`: of the text in UTF-8. */
function writeText(bytes: Buffer, at: number, text: string, size: number): number {
  if (size > text.length) bytes.write(text, at);
  else for (let i = 0; i < size; i++) bytes[at + i] = text.charCodeAt(i);
  return at + size;
}
