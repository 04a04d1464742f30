import type { Socket } from 'node:net';
import { NO_BYTES } from '../../amqp/bytes.ts';
import type { Protocol } from '../../amqp/protocol.ts';
import type { Direction, TrafficTally } from '../ports/observer.ts';
import type { RateLimiter } from '../routing/rate-limit.ts';
import { type Chunk, NO_VIEW } from './chunk.ts';
import type { Output, Scratch } from './output.ts';
import { readChunks } from './socket-reader.ts';

/** What the relay needs of whoever follows its frames. */
interface Follower {
  now: number;
  readonly chunk: Chunk;
}

/** Who waits for a socket to be flushed. */
interface Unflushed {
  flushed(now: number): void;
}

/** Bytes a socket may hold before its other side is no longer read: more gains nothing (docs/broker-facts.md#socket-buffers). */
export const HIGH_WATER_MARK = 64 * 1024;

/**
 * One direction of a connection: reads a chunk, has its frames followed, writes what comes out in
 * one piece, and stops reading while the other side can't take more or a rate limit says so.
 */
export class Relay {
  readonly #direction: Direction;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #protocol: Protocol;
  readonly #follower: Follower;
  readonly #output: Output;
  readonly #scratch: Scratch;
  readonly #unflushed: Unflushed;
  readonly #tally: TrafficTally;
  readonly #clock: { now(): number };
  readonly #reading: { keep(): void };
  readonly #heldBack: (now: number) => void;
  readonly #limiter: RateLimiter;
  /** a rate limit has stopped the reading, and ends with this timer */
  #waiting: NodeJS.Timeout | undefined;
  #waitingSince = 0;
  #view = NO_VIEW;
  /** what has been read and not yet followed: the reader's buffer, which nothing is read into meanwhile */
  #rest: Buffer | undefined;
  /** why nothing is read, besides a socket that can't take more */
  readonly #holds = new Set<string | object>();
  /** what is read now goes nowhere: the other side is gone; it is followed all the same */
  #discarding = false;
  readonly #flushed = (): void => this.#settle();

  constructor(parts: {
    direction: Direction;
    from: Socket;
    to: Socket;
    protocol: Protocol;
    follower: Follower;
    output: Output;
    scratch: Scratch;
    unflushed: Unflushed;
    tally: TrafficTally;
    clock: { now(): number };
    limiter: RateLimiter;
    /** the socket could not take all it was given */
    heldBack?: (now: number) => void;
  }) {
    this.#direction = parts.direction;
    this.#from = parts.from;
    this.#to = parts.to;
    this.#protocol = parts.protocol;
    this.#follower = parts.follower;
    this.#output = parts.output;
    this.#scratch = parts.scratch;
    this.#unflushed = parts.unflushed;
    this.#tally = parts.tally;
    this.#clock = parts.clock;
    this.#heldBack = parts.heldBack ?? (() => {});
    this.#limiter = parts.limiter;
    this.#limiter.onWait = () => this.#protocol.stop();
    this.#reading = readChunks(this.#from, (chunk) => this.#receive(chunk));
    this.#to.on('drain', () => this.#resume());
  }

  #receive(chunk: Buffer): void {
    const now = this.#clock.now();
    this.#follower.now = now;
    const view = this.#viewOf(chunk);
    this.#follower.chunk.bytes = chunk;
    this.#follower.chunk.view = view;
    this.#output.begin(chunk, view);
    const followed = this.#protocol.push(chunk, 0, chunk.length);
    this.send();
    this.#tally.bytes(this.#direction, followed);
    this.#tally.added(this.#direction, (this.#clock.now() - now) / 1000);
    if (this.#limiter.wait > 0) this.#wait(followed < chunk.length ? chunk.subarray(followed) : undefined);
  }

  /** Kept as long as chunks are read into the same buffer. */
  #viewOf(chunk: Buffer): DataView {
    const { buffer } = chunk;
    if (buffer !== this.#view.buffer || chunk.byteOffset !== this.#view.byteOffset) {
      this.#view = new DataView(buffer, chunk.byteOffset);
    }
    return this.#view;
  }

  #wait(rest: Buffer | undefined): void {
    this.#from.pause();
    this.#rest = rest;
    this.#waitingSince = this.#clock.now();
    this.#waiting = setTimeout(() => this.#goOn(), Math.ceil(this.#limiter.wait));
  }

  #goOn(): void {
    if (this.#waiting === undefined) return;
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    this.#limiter.waited((this.#clock.now() - this.#waitingSince) / 1000);
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) this.#receive(rest);
    this.#resume();
  }

  /** The connection ends: what a rate limit still holds back goes now, and nothing is held back any more. */
  hurry(): void {
    this.#limiter.end();
    this.#goOn();
  }

  /** Nothing is read as long as someone holds it, each by a name or object of its own. */
  hold(why: string | object, on: boolean): void {
    if (on) {
      this.#holds.add(why);
      this.#from.pause();
    } else if (this.#holds.delete(why)) this.#resume();
  }

  #resume(): void {
    if (this.#waiting === undefined && this.#holds.size === 0 && !this.#to.writableNeedDrain) this.#from.resume();
  }

  /** Writes what the output holds. */
  send(): void {
    const out = this.#output.take();
    // the other side is gone, but what was read still counts
    if (this.#discarding) return;
    if (out === undefined) {
      this.#settle();
      return;
    }
    // A callback for each write would cost a turn of Node's tick queue each: only a socket that is behind has to tell.
    const wasBehind = this.#to.writableLength > 0;
    if (!this.#to.write(out.bytes, wasBehind ? this.#flushed : undefined)) this.#from.pause();
    if (this.#to.writableLength === 0) {
      this.#settle();
      return;
    }
    if (!wasBehind) this.#to.write(NO_BYTES, this.#flushed);
    // the socket holds on to these bytes: nobody may write over them
    if (out.scratched) this.#scratch.handOver();
    else this.#reading.keep();
    this.#heldBack(this.#clock.now());
  }

  /** All that was written is in the kernel's hands, unless the socket failed over it. */
  #settle(): void {
    if (this.#to.writableLength === 0 && !this.#to.destroyed && this.#to.errored === null) {
      this.#unflushed.flushed(this.#clock.now());
    }
  }

  /** Nothing can be written any more; what still comes is read for what it tells, and for its end. */
  discard(): void {
    this.#discarding = true;
    this.#holds.clear();
    this.hurry();
    this.#from.resume();
  }
}
