import { connect, type Socket } from 'node:net';
import { app, PROTOCOL } from '../../testing/peer-frames.ts';

const METHOD = 1;
const BODY = 3;
const HEAD = 7;

const key = (classId: number, methodId: number): number => classId * 65_536 + methodId;
const ACK = key(60, 80);
const CONNECTION_CLOSE = key(10, 50);
const CHANNEL_CLOSE = key(20, 40);

/** One buffer for all connections of a thread: what was read is dealt with before the next read. */
const readBuffer = Buffer.allocUnsafeSlow(256 * 1024);

/** What comes in once the connection is open. */
export interface Incoming {
  /** a message arrived; its body lies at buf[start, end) if `wantsBody` */
  delivered?(buf: Buffer, start: number, end: number): void;
  confirmed?(tag: number, multiple: boolean): void;
  /** all that was read at once has been dealt with */
  chunkEnd?(): void;
}

/**
 * As little of an AMQP client as it takes to be fast: one channel, no codec, frames made beforehand.
 * A body is expected to fit into one frame.
 */
export class Client {
  readonly socket: Socket;
  incoming: Incoming = {};
  readonly #wantsBody: boolean;
  #carry: Buffer = Buffer.alloc(0);
  /** bytes still to come of a body frame nobody wants to see */
  #skip = 0;
  #awaited: { key: number; done: () => void } | undefined;
  #failed: (error: Error) => void = (error) => {
    throw error;
  };

  constructor(port: number, wantsBody: boolean) {
    this.#wantsBody = wantsBody;
    this.socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (length, buf) => {
          this.#read(buf as Buffer, length);
          return true;
        },
      },
    });
    this.socket.on('error', (error) => this.#failed(error));
  }

  /** Opens connection and channel 1. */
  async open(): Promise<this> {
    await this.call(PROTOCOL, 10, 10);
    await this.call(app.startOk, 10, 30);
    await this.call(Buffer.concat([app.tuneOk, app.open]), 10, 41);
    await this.call(app.channelOpen, 20, 11);
    return this;
  }

  /** Sends a request; resolves with the answer that is named. */
  call(request: Uint8Array, classId: number, methodId: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#failed = reject;
      this.#awaited = { key: key(classId, methodId), done: resolve };
      this.socket.write(request);
    });
  }

  /** From now on an error of the connection goes there. */
  onError(failed: (error: Error) => void): void {
    this.#failed = failed;
  }

  async close(): Promise<void> {
    await this.call(app.close, 10, 51);
    this.socket.end();
  }

  #read(chunk: Buffer, length: number): void {
    let p = 0;
    if (this.#carry.length > 0) p = this.#complete(chunk, length);
    if (this.#skip > 0) {
      const skipped = Math.min(this.#skip, length - p);
      this.#skip -= skipped;
      p += skipped;
      if (this.#skip === 0) this.incoming.delivered?.(chunk, 0, 0);
    }
    p = this.#walk(chunk, p, length);
    if (p < length) this.#carry = Buffer.from(chunk.subarray(p, length));
    this.incoming.chunkEnd?.();
  }

  /** Deals with the frame whose start was carried over; returns where the next one begins. */
  #complete(chunk: Buffer, length: number): number {
    const had = this.#carry.length;
    const carry = Buffer.concat([this.#carry, chunk.subarray(0, length)]);
    this.#carry = Buffer.alloc(0);
    if (carry.length < HEAD || (this.#wants(carry, 0) && carry.length < sizeOf(carry, 0))) {
      this.#carry = carry;
      return length;
    }
    const size = sizeOf(carry, 0);
    if (size > carry.length) {
      this.#skip = size - carry.length;
      return length;
    }
    this.#frame(carry, 0, size);
    return size - had;
  }

  /** Only the body frames of messages that need not be looked at are left lying in pieces. */
  #wants(buf: Buffer, at: number): boolean {
    return buf[at] !== BODY || this.#wantsBody;
  }

  #walk(buf: Buffer, start: number, length: number): number {
    let p = start;
    while (length - p >= HEAD) {
      const size = sizeOf(buf, p);
      if (size > length - p) {
        if (this.#wants(buf, p)) return p;
        this.#skip = size - (length - p);
        return length;
      }
      this.#frame(buf, p, p + size);
      p += size;
    }
    return p;
  }

  #frame(buf: Buffer, start: number, end: number): void {
    if (buf[start] === BODY) this.incoming.delivered?.(buf, start + HEAD, end - 1);
    else if (buf[start] === METHOD) this.#method(buf, start + HEAD, end);
  }

  #method(buf: Buffer, at: number, end: number): void {
    const method = buf.readUInt32BE(at);
    if (method === ACK) {
      this.incoming.confirmed?.(buf.readUInt32BE(at + 8), buf[at + 12] === 1);
    } else if (method === this.#awaited?.key) {
      const { done } = this.#awaited;
      this.#awaited = undefined;
      done();
    } else if (method === CONNECTION_CLOSE || method === CHANNEL_CLOSE) {
      const text = buf.toString('latin1', at + 7, Math.min(end, at + 7 + buf[at + 6]));
      this.#failed(new Error(`the broker closed: ${buf.readUInt16BE(at + 4)} ${text}`));
    }
  }
}

const sizeOf = (buf: Buffer, at: number): number =>
  ((buf[at + 3] << 24) | (buf[at + 4] << 16) | (buf[at + 5] << 8) | buf[at + 6]) + 8;
