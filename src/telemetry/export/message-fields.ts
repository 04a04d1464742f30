import { bytesField, fixed64Field, type ProtobufWriter, varintField } from './protobuf.ts';

/**
 * Protobuf by tables: which fields a message has. What is written is an object of the shape that its JSON has, so that
 * one object does for both; 64-bit integers are numbers or decimal strings there, ids hex.
 */
export type Kind = 'string' | 'hex' | 'double' | 'fixed64' | 'varint' | 'signed' | 'bool' | Message;
export type Message = Readonly<Record<string, Field>>;

export interface Field {
  readonly number: number;
  readonly kind: Kind;
  /** several in one field, which only numbers can be */
  readonly packed?: boolean;
}

export const field = (number: number, kind: Kind): Field => ({ number, kind });
export const packed = (number: number, kind: 'double' | 'fixed64' | 'varint' | 'signed'): Field => ({
  number,
  kind,
  packed: true,
});

/** Fields that are undefined are left out; of a list, which is repeated, each entry is written. */
export function writeMessage(message: Message, content: object, to: ProtobufWriter): void {
  const values = content as Readonly<Record<string, unknown>>;
  for (const name in message) {
    const value = values[name];
    if (value === undefined) continue;
    const { number, kind, packed } = message[name];
    if (packed) to.packed(bytesField(number), value as number[], kind as 'double');
    else if (Array.isArray(value)) for (const each of value) writeField(number, kind, each, to);
    else writeField(number, kind, value, to);
  }
}

function writeField(number: number, kind: Kind, value: unknown, to: ProtobufWriter): void {
  switch (kind) {
    case 'string':
      to.string(bytesField(number), value as string);
      break;
    case 'hex':
      to.hex(bytesField(number), value as string);
      break;
    case 'double':
      to.double(fixed64Field(number), value as number);
      break;
    case 'fixed64':
      to.fixed64(fixed64Field(number), value as number | string);
      break;
    case 'varint':
      to.number(varintField(number), Number(value));
      break;
    case 'signed':
      to.signed(varintField(number), value as number);
      break;
    case 'bool':
      to.number(varintField(number), value ? 1 : 0);
      break;
    default: {
      const start = to.open(bytesField(number));
      writeMessage(kind, value as object, to);
      to.close(start);
    }
  }
}
