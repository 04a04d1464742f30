import { BUCKETS, LOCKS, PLACES, SEED, USED, WORDS } from './correlation-memory.ts';
import type { Hash } from './key-hash.ts';

/** Words of a slot. Two keys that are 0 stand for an empty one. */
const KEY = 0;
const FLAGS = 2;
const OWNER = 3;
/** doubles: microseconds since the epoch */
const SINCE = 4;
const UNTIL = 6;
export const SLOT_IDS = 8;
/** doubles in the place of ids */
export const SLOT_TIMES = 4;

/** Times that a bucket is asked for before whoever wants it goes without: it is held for less than a microsecond. */
const TRIES = 100;

/**
 * A table that all traffic threads share: a question may pass on another thread than its answer. Bounded: in a full
 * bucket the oldest entry makes room. An entry is looked at or changed between `enter` and `leave` of its bucket.
 */
export class SharedSlots {
  /** for KeyHash.start */
  readonly seed: Hash;
  readonly #ints: Int32Array;
  readonly #floats: Float64Array;
  /** ids of all slots: those of one begin at `slot + SLOT_IDS` */
  readonly ids: Uint32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#ints = new Int32Array(memory);
    this.#floats = new Float64Array(memory);
    this.ids = new Uint32Array(memory);
    this.seed = { a: this.#ints[SEED], b: this.#ints[SEED + 1] };
  }

  /** Anything was ever put in, by any thread. */
  get isUsed(): boolean {
    return this.#ints[USED] !== 0;
  }

  /** The bucket of a key; -1: others have it, and nothing can be looked up now. */
  enter({ a }: Hash): number {
    const bucket = (a ^ (a >>> 16)) & (BUCKETS - 1);
    for (let i = 0; i < TRIES; i++) if (Atomics.compareExchange(this.#ints, LOCKS + bucket, 0, 1) === 0) return bucket;
    return -1;
  }

  leave(bucket: number): void {
    Atomics.store(this.#ints, LOCKS + bucket, 0);
  }

  /** The slot of that key; -1: there is none. */
  find(bucket: number, { a, b }: Hash): number {
    const first = firstSlot(bucket);
    for (let slot = first; slot < first + PLACES * WORDS; slot += WORDS) if (this.has(slot, a, b)) return slot;
    return -1;
  }

  /** Whether a slot still is that of a key. */
  has(slot: number, a: number, b: number): boolean {
    return this.#ints[slot + KEY] === (a | 0) && this.#ints[slot + KEY + 1] === (b | 0);
  }

  /** A slot for a key that has none: an empty one, else the oldest one's. */
  place(bucket: number): number {
    const first = firstSlot(bucket);
    let oldest = first;
    for (let slot = first; slot < first + PLACES * WORDS; slot += WORDS) {
      if (this.isEmpty(slot)) return slot;
      if (this.since(slot) < this.since(oldest)) oldest = slot;
    }
    return oldest;
  }

  isEmpty(slot: number): boolean {
    return this.#ints[slot + KEY] === 0 && this.#ints[slot + KEY + 1] === 0;
  }

  fill(slot: number, { a, b }: Hash, flags: number, owner: number, since: number): void {
    const ints = this.#ints;
    ints[slot + KEY] = a;
    ints[slot + KEY + 1] = b;
    ints[slot + FLAGS] = flags;
    ints[slot + OWNER] = owner;
    this.#floats[(slot + SINCE) >>> 1] = since;
    this.#floats[(slot + UNTIL) >>> 1] = 0;
    ints[USED] = 1;
  }

  clear(slot: number): void {
    this.#ints[slot + KEY] = this.#ints[slot + KEY + 1] = 0;
  }

  flags(slot: number): number {
    return this.#ints[slot + FLAGS];
  }

  setFlags(slot: number, flags: number): void {
    this.#ints[slot + FLAGS] = flags;
  }

  owner(slot: number): number {
    return this.#ints[slot + OWNER];
  }

  setOwner(slot: number, owner: number): void {
    this.#ints[slot + OWNER] = owner;
  }

  since(slot: number): number {
    return this.#floats[(slot + SINCE) >>> 1];
  }

  /** 0: it has not ended */
  until(slot: number): number {
    return this.#floats[(slot + UNTIL) >>> 1];
  }

  /** Of a table whose slots have no ids: the `i`th of SLOT_TIMES numbers. */
  time(slot: number, i: number): number {
    return this.#floats[((slot + SLOT_IDS) >>> 1) + i];
  }

  setTime(slot: number, i: number, time: number): void {
    this.#floats[((slot + SLOT_IDS) >>> 1) + i] = time;
  }

  end(slot: number, until: number): void {
    this.#floats[(slot + UNTIL) >>> 1] = until;
  }
}

const firstSlot = (bucket: number): number => LOCKS + BUCKETS + bucket * PLACES * WORDS;
