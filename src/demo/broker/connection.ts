import type { Socket } from 'node:net';
import { HEARTBEAT_FRAME, methodFrame, type Sent } from '../../amqp/encode.ts';
import { MalformedError, readU32 } from '../../amqp/fields.ts';
import { FrameDecoder, type FrameVisitor } from '../../amqp/frames.ts';
import { FRAME_HEAD, FRAME_OVERHEAD, keyOf, type MethodName, methodNames, PROTOCOL_HEADER } from '../../amqp/spec.ts';
import { Channel, type ChannelConnection, type Handlers } from './channel.ts';
import { Handshake } from './handshake.ts';
import { messageMethods, publish } from './message-methods.ts';
import { Refusal } from './refusal.ts';
import { topologyMethods } from './topology-methods.ts';
import type { Vhost } from './vhost.ts';

/** What a connection needs of its broker. */
export interface ConnectionBroker {
  readonly vhosts: ReadonlyMap<string, Vhost>;
  /** Queues hold so much that publishers have to wait. */
  readonly isFull: boolean;
  isPassword(user: string, password: string): boolean;
  closed(connection: Connection): void;
}

const PUBLISH = keyOf('basic.publish');
const HANDLERS: Handlers = { ...topologyMethods, ...messageMethods };
const OBSERVED: ReadonlySet<number> = new Set(methodNames.keys());
/** Written and not yet taken by the client's side: consumers get no more until it has. */
const CONGESTED = 1 << 20;
const CLOSE_PATIENCE_MS = 10_000;

export class Connection implements ChannelConnection, FrameVisitor {
  readonly #socket: Socket;
  readonly #broker: ConnectionBroker;
  readonly #decoder = new FrameDecoder(this, OBSERVED);
  readonly #handshake: Handshake;
  /** 'closing': closed by us, its close-ok has not come */
  readonly #channels = new Map<number, Channel | 'closing'>();
  #opening: Buffer | undefined = Buffer.alloc(0);
  /** bytes still to come of a body frame that has come in part */
  #bodyLeft = 0;
  #isClosing = false;
  #isBlocked = false;
  /** the method at hand, for what is refused */
  #method = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #lastReceived = Date.now();
  #hasSent = false;

  constructor(socket: Socket, broker: ConnectionBroker) {
    this.#socket = socket;
    this.#broker = broker;
    this.#handshake = new Handshake(broker, (name, args) => this.#send(name, args));
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('drain', () => this.#run());
    socket.on('error', () => {});
    socket.on('close', () => this.#ended());
  }

  get vhost(): Vhost {
    return this.#handshake.vhost as Vhost;
  }

  get user(): string {
    return this.#handshake.user;
  }

  get frameMax(): number {
    return this.#handshake.frameMax;
  }

  get hearsOfCancels(): boolean {
    return this.#handshake.can('consumer_cancel_notify');
  }

  get isCongested(): boolean {
    return this.#socket.writableLength > CONGESTED;
  }

  send(frames: readonly Buffer[]): void {
    this.#hasSent = true;
    // all that one piece of input leads to leaves together
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      process.nextTick(() => this.#socket.uncork());
    }
    for (const each of frames) this.#socket.write(each);
  }

  /** Publishers may go on. */
  unblock(): void {
    if (!this.#isBlocked) return;
    this.#isBlocked = false;
    if (this.#handshake.can('connection.blocked')) this.#send('connection.unblocked', {});
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  method(key: number, id: number, buf: Uint8Array, start: number, end: number): void {
    this.#method = key;
    this.#guard(id, () => {
      this.#checkSize(end - start);
      const frame = Buffer.from(buf.subarray(start, end));
      const name = methodNames.get(key) as MethodName;
      if (this.#isClosing) {
        if (name === 'connection.close-ok') this.#socket.end();
      } else if (id === 0 || !this.#handshake.isOpen) this.#onConnection(name, frame);
      else this.#onChannel(id, name, key, frame);
    });
  }

  header(id: number, buf: Uint8Array, start: number, end: number): void {
    this.#method = PUBLISH;
    this.#guard(id, () => {
      this.#checkSize(end - start);
      this.#open(id)?.header(Buffer.from(buf.subarray(start + FRAME_HEAD, end - 1)));
      this.#blockIfFull();
    });
  }

  body(id: number, payload: number, buf: Uint8Array, start: number, end: number): void {
    this.#method = PUBLISH;
    this.#guard(id, () => {
      // the frame's head is in its first piece, its end octet in its last
      const from = this.#bodyLeft === 0 ? start + FRAME_HEAD : start;
      if (this.#bodyLeft === 0) {
        this.#bodyLeft = readU32(buf, start + 3);
        this.#checkSize(this.#bodyLeft + FRAME_OVERHEAD);
      }
      const to = Math.min(end, from + this.#bodyLeft);
      this.#bodyLeft = payload >= 0 ? 0 : this.#bodyLeft - (to - from);
      this.#open(id)?.body(Buffer.from(buf.subarray(from, to)));
      this.#blockIfFull();
    });
  }

  /** heartbeats, and what no client sends */
  raw(): void {}

  lost(): void {
    this.#guard(0, () => {
      throw new Refusal('FRAME_ERROR', 'not a frame');
    });
  }

  #receive(bytes: Buffer): void {
    this.#lastReceived = Date.now();
    if (this.#opening === undefined) {
      this.#decoder.push(bytes, 0, bytes.length);
      return;
    }
    this.#opening = Buffer.concat([this.#opening, bytes]);
    if (this.#opening.length < PROTOCOL_HEADER.length) return;
    const rest = this.#opening.subarray(PROTOCOL_HEADER.length);
    if (!this.#opening.subarray(0, PROTOCOL_HEADER.length).equals(PROTOCOL_HEADER)) {
      this.#socket.end(PROTOCOL_HEADER);
      return;
    }
    this.#opening = undefined;
    this.#handshake.begin();
    this.#decoder.push(rest, 0, rest.length);
  }

  #onConnection(name: MethodName, frame: Buffer): void {
    if (name === 'connection.close') {
      this.#endChannels();
      this.#send('connection.close-ok', {});
      this.#socket.end();
    } else if (this.#handshake.take(name, frame) && this.#handshake.isOpen) this.#beginHeartbeats();
  }

  #onChannel(id: number, name: MethodName, key: number, frame: Buffer): void {
    const channel = this.#channels.get(id);
    if (channel === 'closing') {
      if (name === 'channel.close') this.send([methodFrame('channel.close-ok', id)]);
      if (name === 'channel.close-ok' || name === 'channel.close') this.#channels.delete(id);
      return;
    }
    if (name === 'channel.open') {
      if (channel !== undefined) throw new Refusal('CHANNEL_ERROR', "second 'channel.open' seen");
      this.#handshake.checkChannels(this.#channels.size);
      this.#channels.set(id, new Channel(id, this, HANDLERS, publish));
      this.send([methodFrame('channel.open-ok', id)]);
      return;
    }
    if (channel === undefined) throw new Refusal('CHANNEL_ERROR', "expected 'channel.open'");
    if (name === 'channel.close') {
      this.#channels.delete(id);
      channel.end();
      this.send([methodFrame('channel.close-ok', id)]);
    } else channel.method(key, frame);
  }

  /** undefined: closed by us, what still comes is not for us any more. */
  #open(id: number): Channel | undefined {
    if (this.#isClosing) return undefined;
    const channel = this.#channels.get(id);
    if (channel === undefined) throw new Refusal('CHANNEL_ERROR', "expected 'channel.open'");
    return channel === 'closing' ? undefined : channel;
  }

  #guard(id: number, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (this.#isClosing) return;
      if (error instanceof Refusal) this.#refuse(id, error);
      else if (error instanceof MalformedError)
        this.#refuse(id, new Refusal('FRAME_ERROR', `cannot decode ${error.message}`));
      else throw error;
    }
  }

  #refuse(id: number, { code, message, endsConnection, method = this.#method }: Refusal): void {
    const failed = { failedClassId: method >>> 16, failedMethodId: method & 0xffff };
    const close = { replyCode: code, replyText: message, ...failed };
    const channel = this.#channels.get(id);
    if (!endsConnection && channel instanceof Channel) {
      this.#channels.set(id, 'closing');
      channel.end();
      this.send([methodFrame('channel.close', id, close)]);
      return;
    }
    this.#endChannels();
    this.#isClosing = true;
    // who is refused before it is let in, and could not say that it understands, is cut off
    if (this.#handshake.user !== '' || this.#handshake.can('authentication_failure_close')) {
      this.#send('connection.close', close);
    } else this.#socket.end();
    setTimeout(() => this.#socket.destroy(), CLOSE_PATIENCE_MS).unref();
  }

  #checkSize(bytes: number): void {
    // some clients forget to count what a frame costs besides its payload, and RabbitMQ lets them
    if (bytes > this.#handshake.frameMax + FRAME_OVERHEAD)
      throw new Refusal('FRAME_ERROR', `frame of ${bytes} bytes is too large`);
  }

  #blockIfFull(): void {
    if (!this.#broker.isFull || this.#isBlocked) return;
    this.#isBlocked = true;
    if (this.#handshake.can('connection.blocked')) this.#send('connection.blocked', { reason: 'low on memory' });
    this.#socket.pause();
  }

  #beginHeartbeats(): void {
    const seconds = this.#handshake.heartbeat;
    if (seconds === 0 || this.#heartbeat !== undefined) return;
    this.#heartbeat = setInterval(() => {
      if (!this.#isBlocked && Date.now() - this.#lastReceived > 2000 * seconds) this.#socket.destroy();
      else if (!this.#hasSent) this.send([HEARTBEAT_FRAME]);
      this.#hasSent = false;
    }, 500 * seconds).unref();
  }

  #run(): void {
    for (const channel of this.#channels.values()) if (channel !== 'closing') channel.run();
  }

  #endChannels(): void {
    const open = [...this.#channels.values()];
    this.#channels.clear();
    for (const channel of open) if (channel !== 'closing') channel.end();
    this.#handshake.vhost?.deleteQueuesOf(this);
  }

  #ended(): void {
    clearInterval(this.#heartbeat);
    this.#isClosing = true;
    this.#endChannels();
    this.#broker.closed(this);
  }

  #send<M extends MethodName>(name: M, args: Sent<M>): void {
    this.send([methodFrame(name, 0, args)]);
  }
}
