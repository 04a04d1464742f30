import { grown, NO_BITS, NO_FLOATS, NO_SLOTS, NO_WORDS } from '../../amqp/bytes.ts';
import type { More, Names } from '../../events/passage.ts';
import type { Route } from '../routing/routes.ts';

/** That a message is told of, and what of it no column has: most have the same one. */
export interface Detail {
  readonly via: Names['via'];
  readonly consumerTag: string;
  readonly more: More;
}

/** A message that passed: all that its outcome needs. */
export interface Passed<T> {
  route: Route<T>;
  /** ms of the monotonic clock */
  time: number;
  /** of the body */
  size: number;
  /** undefined: nothing is told of it unless it goes wrong */
  detail: Detail | undefined;
  /** HAS_PARENT, TRACED and SAMPLED as in Passage, and more */
  bits: number;
  /** as in Passage */
  ids: Uint32Array;
  idsAt: number;
  latency: number;
}

/** One that stays as it is. */
export function lasting<T>({ route, time, size, detail, bits, ids, idsAt, latency }: Passed<T>): Passed<T> {
  return { route, time, size, detail, bits, ids: ids.slice(idsAt, idsAt + IDS), idsAt: 0, latency };
}

export const IDS = 8;
const INITIAL = 16;
/** A span of sequence numbers longer than this, and mostly empty, is not kept as an array. */
const SPARSE = 4096;

/**
 * The open messages of one channel and direction by sequence number or delivery tag: columns in
 * typed arrays, found by number in constant time, taken singly or all up to a number (`multiple`).
 *
 * Numbers only grow, but may leave gaps. A few old ones among millions settled (a stuck consumer)
 * move to a map, so memory follows the number of open messages, not the distance between them.
 */
export class Window<T> {
  /** columns, by slot; valid until the slot is released */
  routes: (Route<T> | undefined)[] = [];
  /** undefined unless set since the slot was added */
  details: (Detail | undefined)[] = [];
  times = NO_FLOATS;
  /** x-tracehare-sent of a publish, latency of a delivery */
  stamps = NO_FLOATS;
  sizes = NO_FLOATS;
  bits = NO_BITS;
  /** trace id in words 0–3, own span id in 4–5, parent span id in 6–7 */
  ids = NO_WORDS;
  /** number of open messages */
  size = 0;
  readonly #limit: number;
  #free = NO_SLOTS;
  #freed = 0;
  #slots = 0;
  /** slot + 1 by number modulo the length, for numbers in [base, next) */
  #index = NO_SLOTS;
  #base = 1;
  #next = 1;
  readonly #old = new Map<number, number>();
  readonly #message: Passed<T> = {
    route: undefined as unknown as Route<T>,
    time: 0,
    size: 0,
    detail: undefined,
    bits: 0,
    ids: NO_WORDS,
    idsAt: 0,
    latency: Number.NaN,
  };

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The number behind the highest one added. */
  get next(): number {
    return this.#next;
  }

  /** A slot for `number`, which must be higher than all before; -1 when the window is full. */
  add(number: number): number {
    if (this.size >= this.#limit) return -1;
    if (this.#base === this.#next) this.#base = number;
    else if (number - this.#base >= this.#index.length) this.#makeRoom(number);
    // gaps need no clearing: every index outside [base, next) is 0 already
    this.#next = number + 1;
    const slot = this.#freed > 0 ? this.#free[--this.#freed] : this.#newSlot();
    this.#index[number & (this.#index.length - 1)] = slot + 1;
    this.size++;
    return slot;
  }

  /** The slot of an open message, or -1. */
  find(number: number): number {
    if (number >= this.#base) return number < this.#next ? this.#index[number & (this.#index.length - 1)] - 1 : -1;
    return this.#old.get(number) ?? -1;
  }

  /** Forgets the number; its slot's columns stay readable until `release`. -1 if it is not open. */
  take(number: number): number {
    const slot = this.find(number);
    if (slot < 0) return -1;
    this.size--;
    if (number < this.#base) {
      this.#old.delete(number);
      return slot;
    }
    this.#index[number & (this.#index.length - 1)] = 0;
    if (number === this.#base) this.#advance();
    return slot;
  }

  /** What a slot's columns hold, as its event needs it. It holds until the next call. */
  message(slot: number, detail: Detail, latency: number): Passed<T> {
    const message = this.#message;
    message.route = this.routes[slot] as Route<T>;
    message.time = this.times[slot];
    message.size = this.sizes[slot];
    message.detail = detail;
    message.bits = this.bits[slot];
    message.ids = this.ids;
    message.idsAt = slot * IDS;
    message.latency = latency;
    return message;
  }

  release(slot: number): void {
    this.routes[slot] = undefined;
    if (this.details[slot] !== undefined) this.details[slot] = undefined;
    if (this.#freed === this.#free.length) this.#free = grown(this.#free, this.times.length);
    this.#free[this.#freed++] = slot;
  }

  /** Takes every open number up to and including `last`, in order. Slots are released after each call. */
  takeUpTo(last: number, each: (slot: number, number: number) => void): void {
    for (const number of this.#old.keys()) {
      if (number > last) return;
      this.#takeOne(number, each);
    }
    try {
      const mask = this.#index.length - 1;
      while (this.size > 0 && this.#base <= last && this.#base < this.#next) {
        const number = this.#base++;
        const slot = this.#index[number & mask] - 1;
        if (slot < 0) continue;
        this.#index[number & mask] = 0;
        this.size--;
        try {
          each(slot, number);
        } finally {
          this.release(slot);
        }
      }
    } finally {
      this.#advance();
    }
  }

  /** The first open number at or after `from`, or -1. */
  first(from = 0): number {
    for (const number of this.#old.keys()) if (number >= from) return number;
    for (let n = Math.max(from, this.#base); n < this.#next; n++) {
      if (this.#index[n & (this.#index.length - 1)] !== 0) return n;
    }
    return -1;
  }

  #takeOne(number: number, each: (slot: number, number: number) => void): void {
    const slot = this.take(number);
    try {
      each(slot, number);
    } finally {
      this.release(slot);
    }
  }

  #advance(): void {
    const mask = this.#index.length - 1;
    while (this.#base < this.#next && this.#index[this.#base & mask] === 0) this.#base++;
  }

  #newSlot(): number {
    const slot = this.#slots++;
    this.details[slot] = undefined;
    if (slot === this.times.length) {
      const size = Math.max(INITIAL, slot * 2);
      if (slot === 0) this.#index = new Int32Array(INITIAL);
      this.times = grown(this.times, size);
      this.stamps = grown(this.stamps, size);
      this.sizes = grown(this.sizes, size);
      this.bits = grown(this.bits, size);
      this.ids = grown(this.ids, size * IDS);
    }
    return slot;
  }

  /** So that `number` fits: drop the old ones into the map while the span is sparse, else a longer array. */
  #makeRoom(number: number): void {
    this.#advance();
    while (number - this.#base >= SPARSE && number - this.#base >= this.size * 8 && this.#base < this.#next) {
      const at = this.#base & (this.#index.length - 1);
      this.#old.set(this.#base, this.#index[at] - 1);
      this.#index[at] = 0;
      this.#advance();
    }
    if (this.#base === this.#next) this.#base = number;
    let length = this.#index.length;
    while (number - this.#base >= length) length *= 2;
    if (length === this.#index.length) return;
    const index = new Int32Array(length);
    const mask = this.#index.length - 1;
    for (let n = this.#base; n < this.#next; n++) index[n & (length - 1)] = this.#index[n & mask];
    this.#index = index;
  }
}
