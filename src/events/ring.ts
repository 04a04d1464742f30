import { decodeEvent, encodeEvent, MAX_EVENT } from './codec.ts';
import type { LifecycleEvent } from './lifecycle.ts';

/** Positions of the control words. Head and tail count bytes, modulo 2^32. */
const HEAD = 0;
const TAIL = 1;
const DROPPED = 2;
const CONTROL_BYTES = 64;

/** Shared memory for a ring of `bytes`, a power of two. */
export const ringMemory = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(CONTROL_BYTES + bytes);

/**
 * Events on their way from one traffic thread to the main thread: one writer, one reader, bounded.
 * When it is full the writer drops the event and counts it; it never waits.
 */
abstract class RingEnd {
  protected readonly control: Int32Array;
  protected readonly bytes: Buffer;

  constructor(memory: SharedArrayBuffer) {
    this.control = new Int32Array(memory, 0, CONTROL_BYTES / 4);
    this.bytes = Buffer.from(memory, CONTROL_BYTES);
  }

  /** Events that found the ring full. */
  get dropped(): number {
    return Atomics.load(this.control, DROPPED) >>> 0;
  }
}

export class RingWriter extends RingEnd {
  readonly #event = Buffer.alloc(4 + MAX_EVENT);
  readonly #body = this.#event.subarray(4);

  write(event: LifecycleEvent): void {
    const length = encodeEvent(event, this.#body);
    this.#event.writeUInt32LE(length, 0);
    const head = Atomics.load(this.control, HEAD);
    const used = (head - Atomics.load(this.control, TAIL)) >>> 0;
    const size = 4 + length;
    if (used + size > this.bytes.length) {
      Atomics.add(this.control, DROPPED, 1);
      return;
    }
    const at = head & (this.bytes.length - 1);
    const first = Math.min(size, this.bytes.length - at);
    this.#event.copy(this.bytes, at, 0, first);
    this.#event.copy(this.bytes, 0, first, size);
    Atomics.store(this.control, HEAD, (head + size) | 0);
  }
}

export class RingReader extends RingEnd {
  readonly #event = Buffer.alloc(MAX_EVENT);

  /** Hands on up to `limit` events; returns how many there were. */
  read(limit: number, each: (event: LifecycleEvent) => void): number {
    const head = Atomics.load(this.control, HEAD);
    let tail = Atomics.load(this.control, TAIL);
    let count = 0;
    while (tail !== head && count < limit) {
      this.#copy(tail, 4);
      const length = this.#event.readUInt32LE(0);
      this.#copy((tail + 4) | 0, length);
      const event = decodeEvent(this.#event);
      tail = (tail + 4 + length) | 0;
      // freed before it is handed on: a reader that throws has still read it
      Atomics.store(this.control, TAIL, tail);
      count++;
      each(event);
    }
    return count;
  }

  #copy(from: number, length: number): void {
    const at = from & (this.bytes.length - 1);
    const first = Math.min(length, this.bytes.length - at);
    this.bytes.copy(this.#event, 0, at, at + first);
    this.bytes.copy(this.#event, first, 0, length - first);
  }
}
