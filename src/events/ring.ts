import type { EventListener, EventSource } from './bus.ts';
import { EVENT, MAX_RECORD, NAMES, RecordDecoder, RecordEncoder } from './codec.ts';
import type { OtherEvent } from './lifecycle.ts';
import { type Names, newPassage, type Passage } from './passage.ts';

/** Positions of the control words. Head and tail count bytes, modulo 2^32. */
const HEAD = 0;
const TAIL = 1;
const DROPPED = 2;
const CONTROL_BYTES = 64;

/** In front of each record: its size, four bytes. All start on a multiple of these, so nothing cuts it. */
const PREFIX = 4;
const aligned = (size: number): number => (size + PREFIX - 1) & -PREFIX;

/**
 * Names go through the ring once, after that passages only say their number. Both ends remember the names of so many
 * numbers, each at the place that the last bits of its number say. Names whose place others have taken are sent again.
 */
const PLACES = 1024;

/** Shared memory for a ring of `bytes`, a power of two. */
export const ringMemory = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(CONTROL_BYTES + bytes);

/**
 * Events on their way from one traffic thread to the main thread: one writer, one reader, bounded.
 * When it is full the writer drops the event and counts it; it never waits. Records are written and
 * read in place; one that the ring's end cuts goes through a buffer where it is in one piece.
 */
abstract class RingEnd {
  protected readonly control: Int32Array;
  protected readonly bytes: Buffer;
  protected readonly sizes: Uint32Array;
  protected readonly capacity: number;
  protected readonly whole = Buffer.alloc(MAX_RECORD);

  constructor(memory: SharedArrayBuffer) {
    this.control = new Int32Array(memory, 0, CONTROL_BYTES / 4);
    this.bytes = Buffer.from(memory, CONTROL_BYTES);
    this.sizes = new Uint32Array(memory, CONTROL_BYTES);
    this.capacity = this.bytes.length;
  }

  /** Events that found the ring full. */
  get dropped(): number {
    return Atomics.load(this.control, DROPPED) >>> 0;
  }
}

export class RingWriter extends RingEnd {
  readonly #ring = new RecordEncoder(this.bytes);
  readonly #whole = new RecordEncoder(this.whole);
  /** numbers of the names that the reader has, by place */
  readonly #told = new Float64Array(PLACES).fill(-1);
  #head = Atomics.load(this.control, HEAD);
  /** as it was last seen: the reader may have got further since */
  #tail = Atomics.load(this.control, TAIL);

  write(event: OtherEvent): void {
    const encoder = this.#begin();
    this.#end(encoder, encoder.event(event, this.#body(encoder)));
  }

  writePassage(passage: Passage): void {
    const { names } = passage;
    const place = names.number & (PLACES - 1);
    if (this.#told[place] !== names.number) {
      const encoder = this.#begin();
      if (!this.#end(encoder, encoder.names(names, this.#body(encoder)))) return;
      this.#told[place] = names.number;
    }
    const encoder = this.#begin();
    this.#end(encoder, encoder.passage(passage, this.#body(encoder)));
  }

  /** What writes the next record: right into the ring, if that surely has room for it in one piece. */
  #begin(): RecordEncoder {
    const most = PREFIX + MAX_RECORD;
    if (this.#free() < most) this.#tail = Atomics.load(this.control, TAIL);
    const at = this.#head & (this.capacity - 1);
    return Math.min(this.#free(), this.capacity - at) >= most ? this.#ring : this.#whole;
  }

  /** Where the record starts in the encoder's buffer. */
  #body(encoder: RecordEncoder): number {
    return encoder === this.#ring ? (this.#head & (this.capacity - 1)) + PREFIX : 0;
  }

  /** The record is written. False if there is no room for it. */
  #end(encoder: RecordEncoder, size: number): boolean {
    const { capacity } = this;
    if (aligned(PREFIX + size) > this.#free()) {
      Atomics.add(this.control, DROPPED, 1);
      return false;
    }
    const at = this.#head & (capacity - 1);
    this.sizes[at >>> 2] = size;
    if (encoder === this.#whole) {
      const body = at + PREFIX;
      const first = Math.min(size, capacity - body);
      this.whole.copy(this.bytes, body, 0, first);
      this.whole.copy(this.bytes, 0, first, size);
    }
    this.#head = (this.#head + aligned(PREFIX + size)) | 0;
    Atomics.store(this.control, HEAD, this.#head);
    return true;
  }

  #free(): number {
    return this.capacity - ((this.#head - this.#tail) >>> 0);
  }
}

export class RingReader extends RingEnd implements EventSource {
  readonly #ring = new RecordDecoder(this.bytes);
  readonly #whole = new RecordDecoder(this.whole);
  readonly #names = new Array<Names | undefined>(PLACES).fill(undefined);
  readonly #passage = newPassage();

  read(limit: number, listener: EventListener): number {
    const head = Atomics.load(this.control, HEAD);
    let tail = Atomics.load(this.control, TAIL);
    let count = 0;
    try {
      while (tail !== head && count < limit) {
        const at = tail & (this.capacity - 1);
        const size = this.sizes[at >>> 2];
        // an event that its listener throws at has been read all the same
        tail = (tail + aligned(PREFIX + size)) | 0;
        if (this.#tell(at + PREFIX, size, listener)) count++;
      }
    } finally {
      Atomics.store(this.control, TAIL, tail);
    }
    return count;
  }

  /** False if the record is no event. */
  #tell(at: number, size: number, listener: EventListener): boolean {
    const first = this.capacity - at;
    if (size <= first) return this.#tellOf(this.#ring, at, size, listener);
    this.bytes.copy(this.whole, 0, at, at + first);
    this.bytes.copy(this.whole, first, 0, size - first);
    return this.#tellOf(this.#whole, 0, size, listener);
  }

  #tellOf(decoder: RecordDecoder, at: number, size: number, listener: EventListener): boolean {
    const kind = decoder.kind(at);
    if (kind === NAMES) {
      const names = decoder.names(at);
      this.#names[names.number & (PLACES - 1)] = names;
      return false;
    }
    if (kind === EVENT) listener.event(decoder.event(at, size));
    else {
      const passage = this.#passage;
      passage.names = this.#names[decoder.namesNumber(at) & (PLACES - 1)] as Names;
      decoder.passage(at, passage);
      listener.passage(passage);
    }
    return true;
  }
}
