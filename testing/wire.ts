/**
 * AMQP 0-9-1's bytes, written and read here a second time from the specification: a test that used
 * src/amqp for it would agree with its mistakes.
 */
export const METHOD = 1;
export const HEADER = 2;
export const BODY = 3;
export const HEARTBEAT = 8;
export const FRAME_END = 0xce;

export const PROTOCOL = Buffer.from('AMQP\0\0\x09\x01', 'latin1');
export const AMQP_1_0 = Buffer.from('AMQP\0\x01\0\0', 'latin1');
export const AMQP_1_0_SASL = Buffer.from('AMQP\x03\x01\0\0', 'latin1');

export const u8 = (value: number): Buffer => Buffer.of(value);
export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
export function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
export function short(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([u8(bytes.length), bytes]);
}
export function long(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([u32(bytes.length), bytes]);
}

/** A field of a table: `value` is what stands behind the type octet. */
export interface Entry {
  key: Buffer;
  type: string;
  value: Buffer;
}
export const entry = (key: string | Uint8Array, type: string, value: Buffer): Entry => ({
  key: Buffer.from(key as string),
  type,
  value,
});
export const string = (key: string, value: string): Entry => entry(key, 'S', long(value));
export const entryBytes = ({ key, type, value }: Entry): Buffer =>
  Buffer.concat([short(key), Buffer.from(type, 'latin1'), value]);
export const table = (entries: readonly Entry[]): Buffer => long(Buffer.concat(entries.map(entryBytes)));

/** Eight booleans at most, the first in the lowest bit. */
export const bits = (...values: boolean[]): Buffer => u8(values.reduce((sum, bit, i) => sum | (bit ? 1 << i : 0), 0));

export const frame = (type: number, channel: number, payload: Uint8Array): Buffer =>
  Buffer.concat([u8(type), u16(channel), u32(payload.length), payload, u8(FRAME_END)]);
export const method = (channel: number, classId: number, methodId: number, ...args: Buffer[]): Buffer =>
  frame(METHOD, channel, Buffer.concat([u16(classId), u16(methodId), ...args]));
export const body = (channel: number, payload: Uint8Array): Buffer => frame(BODY, channel, payload);
export const heartbeat = (): Buffer => frame(HEARTBEAT, 0, Buffer.alloc(0));

/** A content header in the parts that matter to a splice. */
export interface Header {
  channel: number;
  classId: number;
  weight: number;
  bodySize: bigint;
  /** flag words; all but the last have bit 0 set */
  flags: number[];
  /** content-type and content-encoding */
  before: Buffer;
  /** undefined: no table */
  entries: Entry[] | undefined;
  /** the properties behind the headers */
  after: Buffer;
}

export const header = (channel: number, bodySize: number | bigint, entries?: Entry[]): Buffer =>
  encodeHeader({
    channel,
    classId: 60,
    weight: 0,
    bodySize: BigInt(bodySize),
    flags: [entries === undefined ? 0 : 0x2000],
    before: Buffer.alloc(0),
    entries,
    after: Buffer.alloc(0),
  });

export function encodeHeader(parts: Header): Buffer {
  const { channel, classId, weight, bodySize, flags, before, entries, after } = parts;
  const headers = entries === undefined ? Buffer.alloc(0) : table(entries);
  const fixed = [u16(classId), u16(weight), u64(bodySize), ...flags.map(u16)];
  return frame(HEADER, channel, Buffer.concat([...fixed, before, headers, after]));
}

export function decodeHeader(bytes: Buffer): Header {
  if (bytes[0] !== HEADER || bytes.readUInt32BE(3) !== bytes.length - 8 || bytes.at(-1) !== FRAME_END) {
    throw new Error(`not a content-header frame: ${bytes.toString('hex')}`);
  }
  const payload = bytes.subarray(7, -1);
  const flags = [payload.readUInt16BE(12)];
  let p = 14;
  for (; ((flags.at(-1) as number) & 1) !== 0; p += 2) flags.push(payload.readUInt16BE(p));
  const start = p;
  if ((flags[0] & 0x8000) !== 0) p += 1 + payload[p];
  if ((flags[0] & 0x4000) !== 0) p += 1 + payload[p];
  const before = payload.subarray(start, p);
  let entries: Entry[] | undefined;
  if ((flags[0] & 0x2000) !== 0) {
    const end = p + 4 + payload.readUInt32BE(p);
    entries = decodeEntries(payload.subarray(p + 4, end));
    p = end;
  }
  return {
    channel: bytes.readUInt16BE(1),
    classId: payload.readUInt16BE(0),
    weight: payload.readUInt16BE(2),
    bodySize: payload.readBigUInt64BE(4),
    flags,
    before,
    entries,
    after: payload.subarray(p),
  };
}

/** By their keys: the order in which RabbitMQ 4 hands out headers, whatever they were published in. */
export const sortedEntries = (entries: Entry[]): Entry[] => entries.toSorted((a, b) => Buffer.compare(a.key, b.key));

export function sortedHeader(bytes: Buffer): Buffer {
  const parts = decodeHeader(bytes);
  return encodeHeader({ ...parts, entries: parts.entries && sortedEntries(parts.entries) });
}

const FIXED: Record<string, number> = {
  V: 0,
  t: 1,
  b: 1,
  B: 1,
  s: 2,
  u: 2,
  I: 4,
  i: 4,
  f: 4,
  D: 5,
  l: 8,
  L: 8,
  d: 8,
  T: 8,
};

function decodeEntries(bytes: Buffer): Entry[] {
  const entries: Entry[] = [];
  for (let p = 0; p < bytes.length; ) {
    const key = bytes.subarray(p + 1, p + 1 + bytes[p]);
    p += 1 + key.length;
    const type = String.fromCharCode(bytes[p++]);
    const size = FIXED[type] ?? 4 + bytes.readUInt32BE(p);
    if (FIXED[type] === undefined && !'SxFA'.includes(type)) throw new Error(`no field type ${type}`);
    entries.push({ key, type, value: bytes.subarray(p, p + size) });
    p += size;
  }
  return entries;
}

export interface Stream {
  /** the eight bytes an app opens with; empty for a broker */
  opening: Buffer;
  frames: Buffer[];
  /** behind the last whole frame */
  rest: Buffer;
}

export function split(bytes: Buffer): Stream {
  const opening = bytes.subarray(0, bytes[0] === PROTOCOL[0] ? PROTOCOL.length : 0);
  const frames: Buffer[] = [];
  let p = opening.length;
  while (p + 8 <= bytes.length && p + 8 + bytes.readUInt32BE(p + 3) <= bytes.length) {
    const end = p + 8 + bytes.readUInt32BE(p + 3);
    if (bytes[end - 1] !== FRAME_END) throw new Error(`no frame end at ${end - 1}`);
    frames.push(bytes.subarray(p, end));
    p = end;
  }
  return { opening, frames, rest: bytes.subarray(p) };
}

export const isMethod = (bytes: Buffer, classId: number, methodId: number): boolean =>
  bytes[0] === METHOD && bytes.readUInt16BE(7) === classId && bytes.readUInt16BE(9) === methodId;
