import { digestOf } from '../../src/proxy/routing/deaths.ts';
import {
  bits,
  body,
  type Entry,
  encodeHeader,
  entry,
  long,
  method,
  short,
  string,
  table,
  u16,
  u32,
  u64,
} from '../../testing/wire.ts';
import type { Delivery } from './deliver-ledger.ts';
import type { Message } from './deliver-operations.ts';

// The frames of an app that consumes and of the broker, which answers it.

export const app = {
  channelOpen: (channel: number) => method(channel, 20, 10, short('')),
  channelClose: (channel: number) => method(channel, 20, 40, u16(200), short('done'), u16(0), u16(0)),
  channelCloseOk: (channel: number) => method(channel, 20, 41),
  close: method(0, 10, 50, u16(200), short('done'), u16(0), u16(0)),
  closeOk: method(0, 10, 51),
  declare: (channel: number, queue: string, args: Entry[], nowait: boolean) =>
    method(channel, 50, 10, u16(0), short(queue), bits(false, false, false, false, nowait), table(args)),
  delete: (channel: number, queue: string, nowait: boolean) =>
    method(channel, 50, 40, u16(0), short(queue), bits(false, false, nowait)),
  consume: (channel: number, queue: string, tag: string, noAck: boolean, nowait: boolean, args: Entry[] = []) =>
    method(channel, 60, 20, u16(0), short(queue), short(tag), bits(false, noAck, false, nowait), table(args)),
  cancel: (channel: number, tag: string, nowait: boolean) => method(channel, 60, 30, short(tag), bits(nowait)),
  get: (channel: number, queue: string, noAck: boolean) => method(channel, 60, 70, u16(0), short(queue), bits(noAck)),
  ack: (channel: number, tag: number, multiple: boolean) => method(channel, 60, 80, u64(tag), bits(multiple)),
  reject: (channel: number, tag: number, requeue: boolean) => method(channel, 60, 90, u64(tag), bits(requeue)),
  nack: (channel: number, tag: number, multiple: boolean, requeue: boolean) =>
    method(channel, 60, 120, u64(tag), bits(multiple, requeue)),
  qos: (channel: number) => method(channel, 60, 10, u32(0), u16(0), bits(false)),
  recover: (channel: number, async: boolean) => method(channel, 60, async ? 100 : 110, bits(true)),
  tx: (channel: number, what: 'select' | 'commit' | 'rollback') =>
    method(channel, 90, { select: 10, commit: 20, rollback: 30 }[what]),
};

export const broker = {
  channelOpenOk: (channel: number) => method(channel, 20, 11, long('')),
  /** At no method of the app. */
  channelClose: (channel: number) => method(channel, 20, 40, u16(406), short('PRECONDITION_FAILED'), u16(0), u16(0)),
  /** At an ack, reject or nack. */
  refuses: (channel: number, methodId: number) =>
    method(channel, 20, 40, u16(406), short('PRECONDITION_FAILED - unknown delivery tag'), u16(60), u16(methodId)),
  channelCloseOk: (channel: number) => method(channel, 20, 41),
  qosOk: (channel: number) => method(channel, 60, 11),
  close: method(0, 10, 50, u16(320), short('CONNECTION_FORCED'), u16(0), u16(0)),
  closeOk: method(0, 10, 51),
  declareOk: (channel: number, queue: string) => method(channel, 50, 11, short(queue), u32(0), u32(0)),
  deleteOk: (channel: number) => method(channel, 50, 41, u32(0)),
  consumeOk: (channel: number, tag: string) => method(channel, 60, 21, short(tag)),
  cancel: (channel: number, tag: string) => method(channel, 60, 30, short(tag), bits(true)),
  cancelOk: (channel: number, tag: string) => method(channel, 60, 31, short(tag)),
  getEmpty: (channel: number) => method(channel, 60, 72, short('')),
  recoverOk: (channel: number) => method(channel, 60, 111),
  txOk: (channel: number, what: 'select' | 'commit' | 'rollback') =>
    method(channel, 90, { select: 11, commit: 21, rollback: 31 }[what]),
};

/** The trace context of a message is told from all others by `serial`. */
export const traceIdOf = (serial: number): string => serial.toString(16).padStart(32, 'a');
export const parentOf = (serial: number): string => serial.toString(16).padStart(16, 'b');

/** basic.deliver or basic.get-ok with its content, frame by frame. `micros`: the wall at the delivery. */
export function framesOf(delivery: Delivery, message: Message, serial: number, micros: number): Buffer[] {
  const { channel, tag, via, consumerTag, exchange, routingKey, redelivered, size } = delivery;
  const names = [u64(tag), bits(redelivered), short(exchange), short(routingKey)];
  const frames = [
    via === 'get' ? method(channel, 60, 71, ...names, u32(0)) : method(channel, 60, 60, short(consumerTag), ...names),
    header(delivery, message, serial, micros),
  ];
  const piece = Math.max(1, Math.ceil(size / message.frames));
  for (let at = 0; at < size; at += piece) {
    frames.push(body(channel, Buffer.alloc(Math.min(piece, size - at), 0x78)));
  }
  return frames;
}

/**
 * The stamp of a message that is delivered now, and its x-death as it is then. One that was published with an old x-death
 * has a digest of that in its stamp, which is coarser for it.
 */
export function stampOf(message: Message, micros: number) {
  const { age, death, exchange, routingKey } = message;
  const published = micros - (age ?? 0) * 1e6;
  const second = Math.floor(published / 1e6);
  if (death?.died !== 'before') {
    // the last bits of a stamp say whether there was one
    const stamp = death === undefined ? published : published - (published % 8);
    return { stamp: age === undefined ? undefined : stamp, death: death && { ...death, time: second + 60 } };
  }
  const old = { ...death, time: second - 60 };
  const digest = digestOf({ ...old, count: 1 }, { exchange, routingKey });
  const stamp = published - (published % 2048) + digest * 8 + 4;
  return { stamp: age === undefined ? undefined : stamp, death: old };
}

function header(delivery: Delivery, message: Message, serial: number, micros: number): Buffer {
  const { context, traceState } = message;
  const entries: Entry[] = [];
  if (context !== 'none') {
    const flags = context === 'sampled' ? '01' : '00';
    entries.push(string('traceparent', `00-${traceIdOf(serial)}-${parentOf(serial)}-${flags}`));
    if (traceState) entries.push(string('tracestate', `serial=${serial}`));
  }
  const { stamp, death } = stampOf(message, micros);
  if (stamp !== undefined) entries.push(entry('x-tracehare-sent', 'l', u64(stamp)));
  if (message.offset !== undefined) entries.push(entry('x-stream-offset', 'l', u64(message.offset)));
  if (death !== undefined) {
    const time = entry('time', 'T', u64(death.time));
    const newest = table([string('queue', death.queue), string('reason', death.reason), time]);
    const element = Buffer.concat([Buffer.from('F'), newest]);
    entries.push(entry('x-death', 'A', long(element)));
  }
  const { messageId, correlationId, channel, size } = delivery;
  const has = (value: string, flag: number): number => (value === '' ? 0 : flag);
  return encodeHeader({
    channel,
    classId: 60,
    weight: 0,
    bodySize: BigInt(size),
    flags: [(entries.length > 0 ? 0x2000 : 0) | has(correlationId, 0x0400) | has(messageId, 0x0080)],
    before: Buffer.alloc(0),
    entries: entries.length > 0 ? entries : undefined,
    after: Buffer.concat([correlationId, messageId].flatMap((value) => (value === '' ? [] : [short(value)]))),
  });
}
