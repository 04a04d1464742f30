import { type Field, shortstr, tableBytes } from '../../amqp/encode.ts';
import { MalformedError, readU16, readU32, text } from '../../amqp/fields.ts';
import { type PropertyName, properties as specs } from '../../amqp/spec.ts';
import { readFields } from './fields.ts';

type TextProperty = 'expiration' | 'replyTo' | 'userId';

/** The properties of a message: bytes that pass as they came, unless the broker itself changes one. */
export class Properties {
  /** flags and values, as in a content header */
  readonly bytes: Buffer;
  readonly #values: ReadonlyMap<PropertyName, Buffer>;

  private constructor(bytes: Buffer, values: ReadonlyMap<PropertyName, Buffer>) {
    this.bytes = bytes;
    this.#values = values;
  }

  /** `bytes`: a content header's from its flags on. Throws MalformedError. */
  static read(bytes: Buffer): Properties {
    const flags = readU16(bytes, 0);
    if (bytes.length < 2 || (flags & 1) !== 0) throw new MalformedError('property flags');
    const values = new Map<PropertyName, Buffer>();
    let p = 2;
    for (const [i, [name, type]] of specs.entries()) {
      if ((flags & (0x8000 >>> i)) === 0) continue;
      let next = p + 1;
      if (type === 'longlong') next = p + 8;
      else if (type === 'table') next = p + 4 + readU32(bytes, p);
      else if (type === 'shortstr') next += bytes[p];
      if (!(next <= bytes.length)) throw new MalformedError('property');
      values.set(name, bytes.subarray(p, next));
      p = next;
    }
    return new Properties(bytes, values);
  }

  text(name: TextProperty): string | undefined {
    const value = this.#values.get(name);
    return value && text(value, 1, value.length);
  }

  octet(name: 'deliveryMode' | 'priority'): number {
    return this.#values.get(name)?.[0] ?? 0;
  }

  get headers(): Field[] {
    const value = this.#values.get('headers');
    return value === undefined ? [] : readFields(value, 0);
  }

  header(name: string): Field | undefined {
    return this.headers.findLast((field) => field.name === name);
  }

  withHeaders(fields: readonly Field[]): Properties {
    return this.#with('headers', tableBytes(fields));
  }

  /** undefined takes it away. */
  withText(name: TextProperty, value: string | undefined): Properties {
    return this.#with(name, value === undefined ? undefined : shortstr(value));
  }

  #with(name: PropertyName, value: Buffer | undefined): Properties {
    const values = new Map(this.#values);
    if (value === undefined) values.delete(name);
    else values.set(name, value);
    let flags = 0;
    const parts: Buffer[] = [];
    for (const [i, [each]] of specs.entries()) {
      const bytes = values.get(each);
      if (bytes === undefined) continue;
      flags |= 0x8000 >>> i;
      parts.push(bytes);
    }
    return new Properties(Buffer.concat([Buffer.of(flags >>> 8, flags & 0xff), ...parts]), values);
  }
}
