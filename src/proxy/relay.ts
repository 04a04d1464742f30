import type { Socket } from 'node:net';
import type { FrameDecoder } from '../amqp/frames.ts';
import { readChunks } from './chunks.ts';
import type { Chunk } from './held-frame.ts';
import type { Direction, TrafficTally } from './observer.ts';
import type { Output, Scratch } from './output.ts';

/** What the relay needs of whoever follows its frames. */
interface Follower {
  now: number;
  readonly chunk: Chunk;
}

/** Messages that end when the socket has taken everything. */
interface Flushes {
  end(flushed: boolean, now: number): void;
}

/** Bytes a socket may hold before its other side is no longer read (PERF, lesson 7). */
export const HIGH_WATER_MARK = 64 * 1024;

/**
 * One direction of a connection: reads a chunk, has its frames followed, writes what comes out in
 * one piece, and stops reading while the other side can't take more.
 */
export class Relay {
  readonly #direction: Direction;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #decoder: FrameDecoder;
  readonly #follower: Follower;
  readonly #output: Output;
  readonly #scratch: Scratch;
  readonly #flushes: Flushes;
  readonly #tally: TrafficTally;
  readonly #clock: { now(): number };
  readonly #reading: { keep(): void };
  readonly #heldBack: (now: number) => void;
  /** what is read now goes nowhere: the other side is gone; it is followed all the same */
  #discarding = false;
  readonly #written = (): void => this.#settle();

  constructor(parts: {
    direction: Direction;
    from: Socket;
    to: Socket;
    decoder: FrameDecoder;
    follower: Follower;
    output: Output;
    scratch: Scratch;
    flushes: Flushes;
    tally: TrafficTally;
    clock: { now(): number };
    /** the socket could not take all it was given */
    heldBack?: (now: number) => void;
  }) {
    this.#direction = parts.direction;
    this.#from = parts.from;
    this.#to = parts.to;
    this.#decoder = parts.decoder;
    this.#follower = parts.follower;
    this.#output = parts.output;
    this.#scratch = parts.scratch;
    this.#flushes = parts.flushes;
    this.#tally = parts.tally;
    this.#clock = parts.clock;
    this.#heldBack = parts.heldBack ?? (() => {});
    this.#reading = readChunks(this.#from, (chunk) => this.#receive(chunk));
    this.#to.on('drain', () => this.#from.resume());
  }

  #receive(chunk: Buffer): void {
    const now = this.#clock.now();
    this.#follower.now = now;
    this.#follower.chunk.bytes = chunk;
    this.#output.begin(chunk);
    this.#decoder.push(chunk, 0, chunk.length);
    this.send();
    this.#tally.bytes(this.#direction, chunk.length);
    this.#tally.added(this.#direction, (this.#clock.now() - now) / 1000);
  }

  /** Writes what the output holds. */
  send(): void {
    const out = this.#output.take();
    // nobody is there to read it, but what it says still counts
    if (this.#discarding) return;
    if (out === undefined) {
      this.#settle();
      return;
    }
    if (!this.#to.write(out.bytes, this.#written)) this.#from.pause();
    if (this.#to.writableLength === 0) this.#settle();
    else {
      // the socket holds on to these bytes: nobody may write over them
      if (out.scratched) this.#scratch.handOver();
      else this.#reading.keep();
      this.#heldBack(this.#clock.now());
    }
  }

  /** All that was written is in the kernel's hands. */
  #settle(): void {
    if (this.#to.writableLength === 0 && !this.#to.destroyed) this.#flushes.end(true, this.#clock.now());
  }

  /** Nothing can be written any more; what still comes is read for what it tells, and for its end. */
  discard(): void {
    this.#discarding = true;
    this.#from.resume();
  }
}
