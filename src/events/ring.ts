import { EventDecoder, EventEncoder, MAX_EVENT } from './codec.ts';
import type { LifecycleEvent } from './lifecycle.ts';

/** Positions of the control words. Head and tail count bytes, modulo 2^32. */
const HEAD = 0;
const TAIL = 1;
const DROPPED = 2;
const CONTROL_BYTES = 64;

/** In front of each event: its size. All events start on a multiple of these bytes, so nothing cuts it. */
const PREFIX = 4;
const aligned = (size: number): number => (size + PREFIX - 1) & -PREFIX;

/** Shared memory for a ring of `bytes`, a power of two. */
export const ringMemory = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(CONTROL_BYTES + bytes);

/**
 * Events on their way from one traffic thread to the main thread: one writer, one reader, bounded.
 * When it is full the writer drops the event and counts it; it never waits. Events are written and
 * read in place; one that the ring's end cuts goes through a buffer where it is in one piece.
 */
abstract class RingEnd {
  protected readonly control: Int32Array;
  protected readonly bytes: Buffer;
  protected readonly sizes: Uint32Array;
  protected readonly whole = Buffer.alloc(MAX_EVENT);

  constructor(memory: SharedArrayBuffer) {
    this.control = new Int32Array(memory, 0, CONTROL_BYTES / 4);
    this.bytes = Buffer.from(memory, CONTROL_BYTES);
    this.sizes = new Uint32Array(memory, CONTROL_BYTES);
  }

  /** Events that found the ring full. */
  get dropped(): number {
    return Atomics.load(this.control, DROPPED) >>> 0;
  }
}

export class RingWriter extends RingEnd {
  readonly #ring = new EventEncoder(this.bytes);
  readonly #whole = new EventEncoder(this.whole);

  write(event: LifecycleEvent): void {
    const capacity = this.bytes.length;
    const head = Atomics.load(this.control, HEAD);
    const free = capacity - ((head - Atomics.load(this.control, TAIL)) >>> 0);
    const at = head & (capacity - 1);
    const body = at + PREFIX;
    const inPlace = Math.min(free, capacity - at) >= PREFIX + MAX_EVENT;
    const size = inPlace ? this.#ring.encode(event, body) : this.#whole.encode(event, 0);
    if (aligned(PREFIX + size) > free) {
      Atomics.add(this.control, DROPPED, 1);
      return;
    }
    this.sizes[at / PREFIX] = size;
    if (!inPlace) {
      const first = Math.min(size, capacity - body);
      this.whole.copy(this.bytes, body, 0, first);
      this.whole.copy(this.bytes, 0, first, size);
    }
    Atomics.store(this.control, HEAD, (head + aligned(PREFIX + size)) | 0);
  }
}

export class RingReader extends RingEnd {
  readonly #ring = new EventDecoder(this.bytes);
  readonly #whole = new EventDecoder(this.whole);

  /** Hands on up to `limit` events; returns how many there were. */
  read(limit: number, each: (event: LifecycleEvent) => void): number {
    const head = Atomics.load(this.control, HEAD);
    let tail = Atomics.load(this.control, TAIL);
    let count = 0;
    while (tail !== head && count < limit) {
      const at = tail & (this.bytes.length - 1);
      const size = this.sizes[at / PREFIX];
      const event = this.#event(at + PREFIX, size);
      tail = (tail + aligned(PREFIX + size)) | 0;
      // freed before it is handed on: a reader that throws has still read it
      Atomics.store(this.control, TAIL, tail);
      count++;
      each(event);
    }
    return count;
  }

  #event(at: number, size: number): LifecycleEvent {
    const first = this.bytes.length - at;
    if (size <= first) return this.#ring.decode(at, size);
    this.bytes.copy(this.whole, 0, at, at + first);
    this.bytes.copy(this.whole, first, 0, size - first);
    return this.#whole.decode(0, size);
  }
}
