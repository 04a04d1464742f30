import {
  bits,
  body,
  entry,
  frame,
  header,
  heartbeat,
  long,
  METHOD,
  method,
  short,
  string,
  table,
  u8,
  u16,
  u32,
  u64,
} from '../../testing/wire.ts';

const NONE = Buffer.alloc(0);
const credentials = Buffer.from('\0guest\0guest');
const client = table([string('product', 'hand'), entry('capabilities', 'F', table([entry('basic.nack', 't', u8(1))]))]);

export const publish = (channel: number, exchange = 'ex', key = 'key') =>
  method(channel, 60, 40, u16(0), short(exchange), short(key), bits(false, false));

/** What an app may send, frame by frame: all kinds, observed or not. */
export const fromApp: readonly Buffer[] = [
  method(0, 10, 11, client, short('PLAIN'), long(credentials), short('en_US')),
  method(0, 10, 21, long('a second step')),
  method(0, 10, 31, u16(2047), u32(8192), u16(60)),
  method(0, 10, 40, short('/'), short(''), bits(false)),
  method(1, 20, 10, short('')),
  method(1, 50, 10, u16(0), short('q'), bits(false, true, false, false, false), table([])),
  publish(1),
  header(1, 5),
  body(1, Buffer.from('AMQP\xce', 'latin1')),
  heartbeat(),
  publish(1, '', 'q'),
  header(1, 0, []),
  publish(2),
  header(2, 12, [string('a', 'b'.repeat(300)), string('traceparent', 'x')]),
  body(2, Buffer.alloc(7, 0xce)),
  publish(3),
  body(2, Buffer.alloc(5, 0)),
  body(2, NONE),
  header(3, 400),
  // a method nobody knows, and the shortest there is
  method(1, 61, 7, Buffer.alloc(40, 1)),
  method(1, 90, 10),
  body(3, Buffer.alloc(400, 8)),
  method(1, 60, 80, u64(1), bits(true)),
  heartbeat(),
  frame(8, 7, Buffer.from('not empty')),
  header(9, 1),
  frame(2, 65_535, NONE),
  method(0, 10, 50, u16(200), short('bye'), u16(0), u16(0)),
];

/** What a broker may send. */
export const fromBroker: readonly Buffer[] = [
  method(0, 10, 10, u8(0), u8(9), table([string('product', 'RabbitMQ')]), long('PLAIN AMQPLAIN'), long('en_US')),
  method(0, 10, 30, u16(2047), u32(131_072), u16(60)),
  method(0, 10, 41, short('')),
  method(1, 60, 60, short('tag'), u64(1), bits(false), short(''), short('q')),
  header(1, 3, [entry('x-death', 'A', long(''))]),
  body(1, Buffer.from('one')),
  method(1, 60, 80, u64(7), bits(true)),
  heartbeat(),
  method(1, 60, 60, short('tag'), u64(2), bits(true), short(''), short('q')),
  header(1, 0),
  method(0, 10, 51),
];

/** A frame as it stands, its last octet replaced. */
export function withEnd(bytes: Buffer, end: number): Buffer {
  const wrong = Buffer.from(bytes);
  wrong[wrong.length - 1] = end;
  return wrong;
}

/** The head of a frame that announces `size` bytes of payload. */
export const head = (type: number, channel: number, size: number): Buffer =>
  Buffer.concat([u8(type), u16(channel), u32(size)]);

/** Only in tests of what is too large: a method frame's head and ids, and nothing of the rest. */
export const methodHead = (size: number, classId: number, methodId: number): Buffer =>
  Buffer.concat([head(METHOD, 1, size), u16(classId), u16(methodId)]);
