import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { until } from './wait.ts';
import {
  bits,
  body,
  type Entry,
  encodeHeader,
  HEARTBEAT,
  header,
  isMethod,
  long,
  method,
  PROTOCOL,
  short,
  split,
  table,
  u16,
  u32,
} from './wire.ts';

export interface Message {
  exchange: string;
  key: string;
  body?: Buffer | string;
  mandatory?: boolean;
  immediate?: boolean;
  persistent?: boolean;
  headers?: Entry[];
}

/** A whole publish as its frames: bodies of up to a frame. */
export function publish(channel: number, message: Message): Buffer {
  const { exchange, key, mandatory = false, immediate = false, persistent = false, headers } = message;
  const bytes = Buffer.from((message.body as string) ?? '');
  const frames = [
    method(channel, 60, 40, u16(0), short(exchange), short(key), bits(mandatory, immediate)),
    persistent ? persistentHeader(channel, bytes.length, headers) : header(channel, bytes.length, headers),
  ];
  for (let at = 0; at < bytes.length; at += FRAME_MAX - 8)
    frames.push(body(channel, bytes.subarray(at, at + FRAME_MAX - 8)));
  return Buffer.concat(frames);
}

/** With delivery-mode 2. */
function persistentHeader(channel: number, bodySize: number, entries?: Entry[]): Buffer {
  return encodeHeader({
    channel,
    classId: 60,
    weight: 0,
    bodySize: BigInt(bodySize),
    flags: [0x1000 | (entries === undefined ? 0 : 0x2000)],
    before: Buffer.alloc(0),
    entries,
    after: Buffer.of(2),
  });
}

const FRAME_MAX = 131_072;

export interface RawOptions {
  port: number;
  vhost: string;
  user?: string;
  password?: string;
  properties?: Entry[];
}

/** An AMQP client that says what it is told to, byte by byte, and shows every frame that comes. */
export class RawClient {
  readonly socket: Socket;
  /** frames that came and were not yet taken, heartbeats left out */
  readonly frames: Buffer[] = [];
  ended = false;
  /** behind the last whole frame */
  rest: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      const { frames, rest } = split(Buffer.concat([this.rest, bytes]));
      this.rest = rest;
      this.frames.push(...frames.filter((each) => each[0] !== HEARTBEAT));
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.ended = true;
    });
  }

  /** Opens a connection and `channels` channels, numbered from 1. */
  static async open({ port, vhost, user = 'guest', password = 'guest', properties = [] }: RawOptions, channels = 1) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    await once(socket, 'connect');
    const client = new RawClient(socket);
    client.send(PROTOCOL);
    await client.take(10, 10);
    client.send(method(0, 10, 11, table(properties), short('PLAIN'), long(`\0${user}\0${password}`), short('en_US')));
    await client.take(10, 30);
    client.send(
      method(0, 10, 31, u16(2047), u32(FRAME_MAX), u16(0)),
      method(0, 10, 40, short(vhost), short(''), bits(false)),
    );
    await client.take(10, 41);
    for (let id = 1; id <= channels; id++) await client.call(method(id, 20, 10, short('')), 20, 11);
    return client;
  }

  send(...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** The next frame, whatever it is. */
  async next(): Promise<Buffer> {
    return until(
      () => this.frames.shift() ?? (this.ended && Promise.reject(new Error('the connection ended'))),
      'a frame comes',
    );
  }

  /** The next frame, which must be this method. */
  async take(classId: number, methodId: number): Promise<Buffer> {
    const got = await this.next();
    if (!isMethod(got, classId, methodId)) {
      throw new Error(`not ${classId}.${methodId} but ${nameOf(got)}: ${got.toString('latin1')}`);
    }
    return got;
  }

  /** A request and its answer, before which nothing else may come. */
  async call(request: Buffer, classId: number, methodId: number): Promise<Buffer> {
    this.send(request);
    return this.take(classId, methodId);
  }

  /** connection.close in order; what else comes before its answer is left in `frames`. */
  async close(): Promise<void> {
    this.send(method(0, 10, 50, u16(200), short(''), u16(0), u16(0)));
    await until(() => this.ended || this.frames.some((each) => isMethod(each, 10, 51)), 'the close is answered');
    this.socket.destroy();
  }
}

/** `class.method` of a method frame, `header` or `body`. */
export function nameOf(frame: Buffer): string {
  if (frame[0] === 1) return `${frame.readUInt16BE(7)}.${frame.readUInt16BE(9)}`;
  return frame[0] === 2 ? 'header' : 'body';
}

/** Whole requests in bytes, for channels of a RawClient. */
export const request = {
  confirmSelect: (channel: number, nowait = false) => method(channel, 85, 10, bits(nowait)),
  txSelect: (channel: number) => method(channel, 90, 10),
  txCommit: (channel: number) => method(channel, 90, 20),
  txRollback: (channel: number) => method(channel, 90, 30),
  /** not passive, durable, exclusive, auto-delete, nowait */
  declare: (channel: number, queue: string, args: Entry[] = []) =>
    method(channel, 50, 10, u16(0), short(queue), bits(false, false, false, false, false), table(args)),
  openChannel: (channel: number) => method(channel, 20, 10, short('')),
  closeChannel: (channel: number) => method(channel, 20, 40, u16(200), short(''), u16(0), u16(0)),
  closeConnection: () => method(0, 10, 50, u16(200), short(''), u16(0), u16(0)),
  consume: (channel: number, queue: string, tag: string, noAck = false) =>
    method(channel, 60, 20, u16(0), short(queue), short(tag), bits(false, noAck, false, false), table([])),
};
