import {
  type ArgumentType,
  FRAME_BODY,
  FRAME_END,
  FRAME_HEADER,
  FRAME_HEARTBEAT,
  FRAME_METHOD,
  FRAME_OVERHEAD,
  type MethodName,
  type MethodSpec,
  methods,
} from './spec.ts';

type Encoded<T extends ArgumentType> = T extends 'shortstr' | 'longstr'
  ? string
  : T extends 'bit'
    ? boolean
    : T extends 'table'
      ? Buffer
      : number;
/** What a method is sent with. Reserved arguments may be left out, as may whatever is zero, empty or false. */
export type Sent<M extends MethodName> = {
  [K in keyof (typeof methods)[M]['args']]?: (typeof methods)[M]['args'][K] extends ArgumentType
    ? Encoded<(typeof methods)[M]['args'][K]>
    : never;
};

/** An entry of a table: its name, the octet of its type, its value's bytes. */
export interface Field {
  name: string;
  type: string;
  value: Buffer;
}

export const HEARTBEAT_FRAME: Buffer = frame(FRAME_HEARTBEAT, 0, Buffer.alloc(0));

/** The frame of a method. */
export function methodFrame<M extends MethodName>(name: M, channel: number, args: Sent<M> = {}): Buffer {
  const { classId, methodId, args: specs } = methods[name] as MethodSpec;
  const given = args as Record<string, string | number | boolean | Buffer | undefined>;
  const parts: Buffer[] = [u16(classId), u16(methodId)];
  let bits = 0;
  let bit = 0;
  const endBits = () => {
    if (bit > 0) parts.push(Buffer.of(bits));
    bits = 0;
    bit = 0;
  };
  for (const [key, type] of Object.entries(specs)) {
    if (type === 'bit') bits |= given[key] ? 1 << bit++ : 0 << bit++;
    else {
      endBits();
      parts.push(argument(type, given[key]));
    }
  }
  endBits();
  return frame(FRAME_METHOD, channel, Buffer.concat(parts));
}

/** The frames of a content: its header with these properties (flags and values), and its body cut to fit. */
export function contentFrames(channel: number, properties: Buffer, body: Buffer, frameMax: number): Buffer[] {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(60, 0);
  head.writeBigUInt64BE(BigInt(body.length), 4);
  const frames = [frame(FRAME_HEADER, channel, Buffer.concat([head, properties]))];
  const room = frameMax - FRAME_OVERHEAD;
  for (let at = 0; at < body.length; at += room) frames.push(frame(FRAME_BODY, channel, body.subarray(at, at + room)));
  return frames;
}

/** A table with its length in front. */
export function tableBytes(fields: readonly Field[]): Buffer {
  return longstr(
    Buffer.concat(fields.map(({ name, type, value }) => Buffer.concat([shortstr(name), Buffer.from(type), value]))),
  );
}

export const longstrField = (name: string, value: string): Field => ({
  name,
  type: 'S',
  value: longstr(Buffer.from(value)),
});
export const flagField = (name: string): Field => ({ name, type: 't', value: Buffer.of(1) });
export const tableField = (name: string, fields: readonly Field[]): Field => ({
  name,
  type: 'F',
  value: tableBytes(fields),
});
export const numberField = (name: string, type: 'l' | 'T', value: number): Field => ({ name, type, value: u64(value) });
/** An array of values of one type. */
export const arrayField = (name: string, type: string, values: readonly Buffer[]): Field => ({
  name,
  type: 'A',
  value: longstr(Buffer.concat(values.map((value) => Buffer.concat([Buffer.from(type), value])))),
});

export function shortstr(value: string): Buffer {
  const whole = Buffer.from(value);
  // what does not fit ends as RabbitMQ lets it end
  const bytes = whole.length <= 255 ? whole : Buffer.concat([whole.subarray(0, 252), Buffer.from('...')]);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

export function longstr(bytes: Buffer): Buffer {
  return Buffer.concat([u32(bytes.length), bytes]);
}

function argument(type: ArgumentType, value: string | number | boolean | Buffer | undefined): Buffer {
  if (type === 'shortstr') return shortstr((value as string | undefined) ?? '');
  if (type === 'longstr') return longstr(Buffer.from((value as string | undefined) ?? ''));
  if (type === 'table') return (value as Buffer | undefined) ?? u32(0);
  const number = (value as number | undefined) ?? 0;
  if (type === 'octet') return Buffer.of(number);
  if (type === 'short') return u16(number);
  return type === 'long' ? u32(number) : u64(number);
}

function frame(type: number, channel: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(payload.length + FRAME_OVERHEAD);
  bytes[0] = type;
  bytes.writeUInt16BE(channel, 1);
  bytes.writeUInt32BE(payload.length, 3);
  payload.copy(bytes, 7);
  bytes[bytes.length - 1] = FRAME_END;
  return bytes;
}

function u16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
