import { viewOf } from '../../amqp/bytes.ts';
import type { Field } from '../../amqp/encode.ts';
import { type FieldValue, MalformedError, readU32, readValue, skipValue, text } from '../../amqp/fields.ts';
import { FRAME_HEAD, type MethodName, type MethodSpec, methods } from '../../amqp/spec.ts';

/** The entries of the table whose length is at `at`, with their types and bytes as they came. Throws MalformedError. */
export function readFields(buf: Uint8Array, at: number): Field[] {
  const end = at + 4 + readU32(buf, at);
  if (!(end <= buf.length)) throw new MalformedError('table length');
  const view = viewOf(buf);
  const fields: Field[] = [];
  for (let p = at + 4; p < end; ) {
    const value = p + 1 + buf[p];
    const next = skipValue(view, value, end);
    if (next < 0) throw new MalformedError('table entry');
    fields.push({
      name: text(buf, p + 1, value),
      type: String.fromCharCode(buf[value]),
      value: Buffer.from(buf.subarray(value + 1, next)),
    });
    p = next;
  }
  return fields;
}

/** What a field says. */
export function fieldValue({ type, value }: Field): FieldValue {
  const bytes = Buffer.concat([Buffer.from(type, 'latin1'), value]);
  return readValue(bytes, 0, bytes.length);
}

/** The strings of a field that is an array of them; empty for any other. */
export function stringsOf(field: Field | undefined): string[] {
  const value = field && fieldValue(field);
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

export const sameValue = (one: Field, other: Field): boolean =>
  one.type === other.type && one.value.equals(other.value);

/** The fields as they stand in a table that RabbitMQ has changed: by their names. */
export const sorted = (fields: readonly Field[]): Field[] =>
  fields.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));

/** The same fields, by their names, with one more or another in its place. */
export const withField = (fields: readonly Field[], field: Field): Field[] =>
  sorted([...fields.filter(({ name }) => name !== field.name), field]);

/** RabbitMQ's words for types and values, as it uses them when it refuses arguments. */
export function described(field: Field | undefined): string {
  if (field === undefined) return 'none';
  const value = fieldValue(field);
  return `the value '${typeof value === 'string' || typeof value === 'number' ? value : String(value)}' of type '${typeName(field)}'`;
}

const TYPES: Record<string, string> = {
  t: 'bool',
  b: 'byte',
  B: 'unsignedbyte',
  s: 'short',
  u: 'unsignedshort',
  I: 'signedint',
  i: 'unsignedint',
  l: 'long',
  f: 'float',
  d: 'double',
  D: 'decimal',
  T: 'timestamp',
  S: 'longstr',
  x: 'binary',
  A: 'array',
  F: 'table',
  V: 'void',
};

export const typeName = ({ type }: Field): string => TYPES[type] ?? type;

/** The `arguments` of a method of class exchange, queue or basic, with their types: `frame` is the method's. */
export function readArgumentTable(name: MethodName, frame: Uint8Array): Field[] {
  let p = FRAME_HEAD + 4;
  let inBits = false;
  for (const type of Object.values((methods[name] as MethodSpec).args)) {
    if (type === 'bit') {
      if (!inBits) p++;
      inBits = true;
      continue;
    }
    inBits = false;
    if (type === 'table') return readFields(frame, p);
    p += type === 'shortstr' ? 1 + frame[p] : 2;
  }
  return [];
}
