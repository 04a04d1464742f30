import { NO_BYTES } from './bytes.ts';
import {
  type FieldTable,
  MalformedError,
  readTable,
  readU16,
  readU32,
  readU64,
  text,
  writeU16,
  writeU32,
  writeU64,
} from './fields.ts';
import {
  type ArgumentType,
  FRAME_END,
  FRAME_HEAD,
  FRAME_METHOD,
  type MethodName,
  type MethodSpec,
  methods,
} from './spec.ts';

interface Values {
  octet: number;
  short: number;
  long: number;
  longlong: number;
  shortstr: string;
  /** may be a credential: bytes, valid as long as the buffer they were read from */
  longstr: Uint8Array;
  table: FieldTable;
  bit: boolean;
}
type Typed<A> = { -readonly [K in keyof A]: A[K] extends ArgumentType ? Values[A[K]] : never };
export type Arguments<M extends MethodName> = Typed<(typeof methods)[M]['args']>;

/**
 * The arguments of the method frame at buf[start, end), by the table. For methods that pass a few
 * times in a connection's life; those that pass with every message are read in place
 * (proxy/session/channel.ts). Throws MalformedError when an argument runs over the frame.
 */
export function readMethod<M extends MethodName>(name: M, buf: Uint8Array, start: number, end: number): Arguments<M> {
  const args: Record<string, unknown> = {};
  const stop = end - 1;
  let p = start + FRAME_HEAD + 4;
  let bit = 0;
  for (const [arg, type] of Object.entries((methods[name] as MethodSpec).args)) {
    if (type === 'bit') {
      if (bit === 0) p++;
      if (p > stop) throw new MalformedError(name);
      args[arg] = (buf[p - 1] & (1 << bit++)) !== 0;
      continue;
    }
    bit = 0;
    const size = sizeOf(type, buf, p, stop);
    if (p + size > stop) throw new MalformedError(name);
    args[arg] = readArgument(type, buf, p, p + size);
    p += size;
  }
  return args as Arguments<M>;
}

function sizeOf(type: ArgumentType, buf: Uint8Array, at: number, end: number): number {
  if (type === 'octet') return 1;
  if (type === 'short') return 2;
  if (type === 'long') return 4;
  if (type === 'longlong') return 8;
  if (type === 'shortstr') return at < end ? 1 + buf[at] : 1;
  return at + 4 <= end ? 4 + readU32(buf, at) : 4;
}

function readArgument(type: ArgumentType, buf: Uint8Array, at: number, end: number): unknown {
  if (type === 'octet') return buf[at];
  if (type === 'short') return readU16(buf, at);
  if (type === 'long') return readU32(buf, at);
  if (type === 'longlong') return readU64(buf, at);
  if (type === 'shortstr') return text(buf, at + 1, end);
  if (type === 'longstr') return buf.subarray(at + 4, end);
  return readTable(buf, at, end);
}

/** connection.close or channel.close of our own accord. */
export function closeFrame(
  name: 'connection.close' | 'channel.close',
  channel: number,
  code: number,
  reply: string,
): Uint8Array {
  const words = Buffer.from(reply, 'utf8').subarray(0, 255);
  const args = Buffer.alloc(2 + 1 + words.length + 4);
  writeU16(args, 0, code);
  args[2] = words.length;
  args.set(words, 3);
  return frame(name, channel, args);
}

/** basic.ack or basic.nack of one publish, by its delivery tag. */
export function confirmFrame(channel: number, tag: number, ack: boolean): Uint8Array {
  const args = Buffer.alloc(9);
  writeU64(args, 0, tag);
  return frame(ack ? 'basic.ack' : 'basic.nack', channel, args);
}

/** confirm.select without an answer. */
export const confirmSelectFrame = (channel: number): Uint8Array => frame('confirm.select', channel, Uint8Array.of(1));

export function emptyFrame(name: 'connection.close-ok' | 'channel.close-ok', channel: number): Uint8Array {
  return frame(name, channel, NO_BYTES);
}

function frame(name: MethodName, channel: number, args: Uint8Array): Uint8Array {
  const { classId, methodId } = methods[name];
  const bytes = Buffer.alloc(FRAME_HEAD + 4 + args.length + 1);
  bytes[0] = FRAME_METHOD;
  writeU16(bytes, 1, channel);
  writeU32(bytes, 3, 4 + args.length);
  writeU16(bytes, 7, classId);
  writeU16(bytes, 9, methodId);
  bytes.set(args, 11);
  bytes[bytes.length - 1] = FRAME_END;
  return bytes;
}
