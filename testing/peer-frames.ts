import * as wire from './wire.ts';

// The frames of a small AMQP client, and of a broker that says yes, encoded once and sent many times.

export { PROTOCOL } from './wire.ts';

const EMPTY_TABLE = wire.table([]);
const capabilities = wire.table(
  ['publisher_confirms', 'basic.nack', 'consumer_cancel_notify', 'connection.blocked'].map((name) =>
    wire.entry(name, 't', wire.u8(1)),
  ),
);
const clientProperties = wire.table([
  wire.string('product', 'tracehare-bench'),
  wire.entry('capabilities', 'F', capabilities),
]);

/** What an app says. Passive arguments are left at their defaults. */
export const app = {
  startOk: wire.method(
    0,
    10,
    11,
    clientProperties,
    wire.short('PLAIN'),
    wire.long('\0guest\0guest'),
    wire.short('en_US'),
  ),
  tuneOk: wire.method(0, 10, 31, wire.u16(2047), wire.u32(131_072), wire.u16(0)),
  open: wire.method(0, 10, 40, wire.short('/'), wire.short(''), wire.bits(false)),
  close: wire.method(0, 10, 50, wire.u16(200), wire.short('done'), wire.u16(0), wire.u16(0)),
  channelOpen: wire.method(1, 20, 10, wire.short('')),
  confirmSelect: wire.method(1, 85, 10, wire.bits(false)),
  qos: (prefetch: number) => wire.method(1, 60, 10, wire.u32(0), wire.u16(prefetch), wire.bits(false)),
  exchangeDeclare: (name: string, type: string) =>
    wire.method(
      1,
      40,
      10,
      wire.u16(0),
      wire.short(name),
      wire.short(type),
      wire.bits(false, false, false, false, false),
      EMPTY_TABLE,
    ),
  queueDeclare: (name: string) =>
    wire.method(1, 50, 10, wire.u16(0), wire.short(name), wire.bits(false, false, false, false, false), EMPTY_TABLE),
  queueDelete: (name: string) => wire.method(1, 50, 40, wire.u16(0), wire.short(name), wire.bits(false, false, false)),
  queueBind: (queue: string, exchange: string, key: string) =>
    wire.method(
      1,
      50,
      20,
      wire.u16(0),
      wire.short(queue),
      wire.short(exchange),
      wire.short(key),
      wire.bits(false),
      EMPTY_TABLE,
    ),
  consume: (queue: string, tag: string, noAck: boolean) =>
    wire.method(
      1,
      60,
      20,
      wire.u16(0),
      wire.short(queue),
      wire.short(tag),
      wire.bits(false, noAck, false, false),
      EMPTY_TABLE,
    ),
  ack: (tag: number, multiple: boolean) => wire.method(1, 60, 80, wire.u64(tag), wire.bits(multiple)),
};

/** What a broker says. */
export const broker = {
  start: wire.method(0, 10, 10, wire.u8(0), wire.u8(9), EMPTY_TABLE, wire.long('PLAIN'), wire.long('en_US')),
  tune: wire.method(0, 10, 30, wire.u16(2047), wire.u32(131_072), wire.u16(60)),
  openOk: wire.method(0, 10, 41, wire.short('')),
  channelOpenOk: wire.method(1, 20, 11, wire.long('')),
  confirmSelectOk: wire.method(1, 85, 11),
  consumeOk: (tag: string) => wire.method(1, 60, 21, wire.short(tag)),
  ack: (tag: number, multiple: boolean) => wire.method(1, 60, 80, wire.u64(tag), wire.bits(multiple)),
};

/** Names and size of a message. `headers`: what the app itself put into the table. */
export interface Message {
  exchange: string;
  routingKey: string;
  body: number;
  headers?: wire.Entry[];
  mandatory?: boolean;
  /** it has a message-id, and behind that a timestamp */
  id?: string;
}

/** What a client that traces by itself sends. */
export const ownTraceparent = (sampled = false): wire.Entry =>
  wire.string('traceparent', `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0${sampled ? 1 : 0}`);

/** Where the eight bytes of x-tracehare-sent stand in an entry made here. */
export const stamp = (micros: number): wire.Entry => wire.entry('x-tracehare-sent', 'l', wire.u64(micros));

/** What a publisher may add by itself: the fair comparisons for what Tracehare's additions cost the broker. */
export const added: Record<'nothing' | 'traceparent' | 'all', Pick<Message, 'headers' | 'mandatory'>> = {
  nothing: {},
  traceparent: { headers: [ownTraceparent()] },
  all: { headers: [ownTraceparent(), stamp(Date.now() * 1000)], mandatory: true },
};

/** A content header like amqplib's: content type, a headers table though it may be empty, delivery mode. */
function contentHeader({ body, headers = [], id }: Message): Buffer {
  return wire.encodeHeader({
    channel: 1,
    classId: 60,
    weight: 0,
    bodySize: BigInt(body),
    flags: [0x8000 | 0x2000 | 0x1000 | (id === undefined ? 0 : 0x80 | 0x40)],
    before: wire.short('application/octet-stream'),
    entries: headers,
    after: id === undefined ? wire.u8(1) : Buffer.concat([wire.u8(1), wire.short(id), wire.u64(0)]),
  });
}

function content(message: Message): Buffer {
  const { body } = message;
  return Buffer.concat([contentHeader(message), ...(body > 0 ? [wire.body(1, Buffer.alloc(body, 0x78))] : [])]);
}

/** basic.publish with its content. The body's first 8 bytes are the last of the frame's payload but `body - 8`. */
export const publish = (message: Message): Buffer =>
  Buffer.concat([
    wire.method(
      1,
      60,
      40,
      wire.u16(0),
      wire.short(message.exchange),
      wire.short(message.routingKey),
      wire.bits(message.mandatory ?? false, false),
    ),
    content(message),
  ]);

/** basic.deliver with its content; `tagAt` bytes from its start stands the delivery tag. */
export const deliver = (message: Message, consumerTag: string, deliveryTag: number): Buffer =>
  Buffer.concat([
    wire.method(
      1,
      60,
      60,
      wire.short(consumerTag),
      wire.u64(deliveryTag),
      wire.bits(false),
      wire.short(message.exchange),
      wire.short(message.routingKey),
    ),
    content(message),
  ]);

/** Offset of the delivery tag in a basic.deliver frame. */
export const deliveryTagAt = (consumerTag: string): number => 7 + 4 + 1 + Buffer.byteLength(consumerTag);
