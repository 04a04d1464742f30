import { TRACED } from '../../events/passage.ts';
import type { Route } from '../routing/routes.ts';
import { GONE, MessageColumns, OPEN, RETURNED, RunColumns } from './columns.ts';
import { IDS, type Remembered, type Run } from './run.ts';
import type { SpanDetail } from './span-detail.ts';

/** What ends a message, as far as its channel can tell when it passes: a bit each, so that several can be asked for. */
export const FLUSH = 1;
export const RETURN = 2;
export const CONFIRM = 4;
export const COMMIT = 8;
export const SETTLEMENT = 16;
/** a reply to something that was sent after it, or the end: the broker may not be reading any more */
export const REPLY = 32;
export const ANYTHING = FLUSH | RETURN | CONFIRM | COMMIT | SETTLEMENT | REPLY;

const INITIAL = 16;
const NO_RUNS = new RunColumns<unknown>(0);
const NO_MESSAGES = new MessageColumns(0);

/** Open messages of one run, with numbers in a row. The object is reused: it is valid until the next call of the store. */
export interface Stretch<T> {
  route: Route<T>;
  /** when they were read, ms of the monotonic clock */
  time: number;
  /** when the kernel had taken them, on the same clock; NaN: it has not yet, Infinity: a fault holds them back */
  flushedAt: number;
  stamp: number;
  latency: number;
  detail: SpanDetail | undefined;
  replaced: Uint8Array | undefined;
  remembered: Remembered | undefined;
  passageBits: number;
  marks: number;
  /** FLUSH and so on */
  awaits: number;
  /** bytes of the largest body of their run */
  largest: number;
  first: number;
  count: number;
  /** they came back by basic.return, and the broker has yet to confirm or commit */
  returned: boolean;
  /** where the first of them lies: for `size`, `ids` and `idsAt` */
  position: number;
}

/**
 * The open messages of one channel and direction, by sequence number or delivery tag. What messages of a
 * run have in common is kept once, and they end by stretches of a run, so that the cost of a message falls with
 * the number of messages that a read brings.
 *
 * Numbers only grow, but may leave gaps. A few messages that stay open among millions that come and go (a stuck
 * consumer) cost nothing more: when the columns are full of what is gone, what is open moves together.
 *
 * One file because rows, positions and counts have to agree after every method: who changes one has to see the others.
 */
export class OpenMessages<T> {
  /** messages that are open */
  size = 0;
  /** how many of them await nothing but their flush */
  #flushing = 0;
  #runs = NO_RUNS as unknown as RunColumns<T>;
  #messages = NO_MESSAGES;
  /** rows of runs in use are [head, tail), modulo their length */
  #head = 0;
  #tail = 0;
  /** where the next message goes */
  #position = 0;
  /** the first run that was not there at the last flush */
  #unflushed = 0;
  /** the run that was last looked for: the next one is mostly close by */
  #cursor = 0;
  /** messages that a fault held back and that have left since the last flush */
  #released: number[] = [];
  readonly #stretch: Stretch<T> = {
    route: undefined as unknown as Route<T>,
    time: 0,
    flushedAt: Number.NaN,
    stamp: Number.NaN,
    latency: Number.NaN,
    detail: undefined,
    replaced: undefined,
    remembered: undefined,
    passageBits: 0,
    marks: 0,
    awaits: 0,
    largest: 0,
    first: 0,
    count: 0,
    returned: false,
    position: 0,
  };

  /** Messages that await more than their flush. A limit has to bound them: they stay as long as others like. */
  get awaiting(): number {
    return this.size - this.#flushing;
  }

  /**
   * Keeps `count` messages of `run` from its `from`th on. The first gets the number `first`, which is higher than all
   * before. `held`: a fault keeps them from the socket until `release`.
   */
  add(run: Run<T>, from: number, count: number, first: number, awaits: number, held = false): void {
    if (count === 0) return;
    this.#makeRoom(count);
    const position = this.#position;
    if (held || !this.#extend(run, count, first, awaits, position)) this.#begin(run, count, first, awaits, held);
    this.#position = position + count;
    this.size += count;
    if (awaits === FLUSH) this.#flushing += count;
    const { sizes, states, ids, mask } = this.#messages;
    const traced = (run.passageBits & TRACED) !== 0;
    for (let i = 0; i < count; i++) {
      const row = (position + i) & mask;
      sizes[row] = run.sizes[from + i];
      states[row] = OPEN;
      if (traced) for (let w = 0, at = row * IDS, of = (from + i) * IDS; w < IDS; w++) ids[at + w] = run.ids[of + w];
    }
  }

  /** Takes all open messages with numbers from `from` to `to` that await one of `which`, in order. */
  take(from: number, to: number, which: number, each: (stretch: Stretch<T>) => void): void {
    if (this.size === 0) return;
    for (let i = this.#seek(from); i < this.#tail; i++) {
      const row = i & this.#runs.mask;
      const { firsts, ends, counts, awaits } = this.#runs;
      if (firsts[row] > to) break;
      this.#cursor = i;
      if (counts[row] === 0 || (awaits[row] & which) === 0) continue;
      this.#takeFrom(row, Math.max(from, firsts[row]), Math.min(to, ends[row] - 1), each);
    }
    this.#trim();
  }

  /** Takes those awaiting one of `which` whose run has marks that fit. */
  takeMarked(fits: (marks: number) => boolean, which: number, each: (stretch: Stretch<T>) => void): void {
    for (let i = this.#head; i < this.#tail; i++) {
      const row = i & this.#runs.mask;
      const { firsts, ends, counts, awaits, marks } = this.#runs;
      if (counts[row] === 0 || (awaits[row] & which) === 0 || !fits(marks[row])) continue;
      this.#takeFrom(row, firsts[row], ends[row] - 1, each);
    }
    this.#trim();
  }

  /** The kernel has all that was added, unless it is held back: takes those that await nothing else, and notes when. */
  flush(now: number, each: (stretch: Stretch<T>) => void): void {
    const { flushed, mask } = this.#runs;
    for (let i = Math.max(this.#unflushed, this.#head); i < this.#tail; i++) {
      const row = i & mask;
      if (flushed[row] !== Number.POSITIVE_INFINITY) this.#flushRow(row, now, each);
    }
    if (this.#released.length > 0) {
      for (const number of this.#released.splice(0)) {
        const row = this.#rowOf(number);
        if (row >= 0) this.#flushRow(row, now, each);
      }
    }
    this.#unflushed = this.#tail;
    this.#trim();
  }

  #flushRow(row: number, now: number, each: (stretch: Stretch<T>) => void): void {
    const { flushed, awaits, counts, firsts, ends } = this.#runs;
    flushed[row] = now;
    if (awaits[row] === FLUSH && counts[row] > 0) this.#takeFrom(row, firsts[row], ends[row] - 1, each);
  }

  /** A message that a fault held back has left: it counts with the next flush. */
  release(number: number): void {
    const row = this.#rowOf(number);
    if (row < 0) return;
    this.#runs.flushed[row] = Number.NaN;
    this.#released.push(number);
  }

  /** Takes those awaiting `which` that the kernel had at `time` or before. */
  takeFlushed(time: number, which: number, each: (stretch: Stretch<T>) => void): void {
    if (this.size === 0) return;
    const { flushed, times, awaits, counts, firsts, ends, mask } = this.#runs;
    for (let i = this.#head; i < this.#tail; i++) {
      const row = i & mask;
      // what was read later was flushed later
      if (times[row] > time) break;
      if (counts[row] === 0 || (awaits[row] & which) === 0 || !(flushed[row] <= time)) continue;
      this.#takeFrom(row, firsts[row], ends[row] - 1, each);
    }
    this.#trim();
  }

  /**
   * The first open message of a run that `fits` and that itself `matches`, searched for from where the last one was
   * found; undefined if there is none. It stays open.
   */
  find(fits: (run: Stretch<T>) => boolean, matches: (message: Stretch<T>) => boolean): Stretch<T> | undefined {
    const cursor = Math.min(Math.max(this.#cursor, this.#head), this.#tail);
    return this.#search(cursor, this.#tail, fits, matches) ?? this.#search(this.#head, cursor, fits, matches);
  }

  /** The open message of that number. */
  get(number: number): Stretch<T> | undefined {
    const row = this.#rowOf(number);
    if (row < 0) return undefined;
    const state = this.#stateOf(row, number);
    return state === GONE ? undefined : this.#of(row, number, 1, state === RETURNED);
  }

  /** The lowest number of an open message that awaits one of `which`; Infinity: there is none. */
  first(which: number): number {
    for (let i = this.#head; i < this.#tail; i++) {
      const row = i & this.#runs.mask;
      const { firsts, ends, counts, awaits } = this.#runs;
      if (counts[row] === 0 || (awaits[row] & which) === 0) continue;
      if (counts[row] === ends[row] - firsts[row]) return firsts[row];
      for (let n = firsts[row]; n < ends[row]; n++) if (this.#stateOf(row, n) !== GONE) return n;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Whether a message with a number from `from` to `to` is open that awaits one of `which`. */
  some(from: number, to: number, which: number): boolean {
    for (let i = this.#seek(from); i < this.#tail; i++) {
      const row = i & this.#runs.mask;
      const { firsts, ends, counts, awaits } = this.#runs;
      if (firsts[row] > to) return false;
      if (counts[row] === 0 || (awaits[row] & which) === 0) continue;
      const last = Math.min(to, ends[row] - 1);
      for (let n = Math.max(from, firsts[row]); n <= last; n++) if (this.#stateOf(row, n) !== GONE) return true;
    }
    return false;
  }

  /** The first number from `from` on that no open message has which awaits one of `which`; above `to`: all have one. */
  firstMissing(from: number, to: number, which: number): number {
    let n = from;
    for (let i = this.#seek(from); i < this.#tail && n <= to; i++) {
      const row = i & this.#runs.mask;
      const { firsts, ends, counts, awaits } = this.#runs;
      if (firsts[row] > n || counts[row] === 0 || (awaits[row] & which) === 0) return n;
      const last = Math.min(to, ends[row] - 1);
      const isWhole = counts[row] === ends[row] - firsts[row];
      for (; !isWhole && n <= last; n++) if (this.#stateOf(row, n) === GONE) return n;
      n = last + 1;
    }
    return n;
  }

  /** It came back: what becomes of it is decided by what it still awaits. */
  markReturned(number: number): void {
    const row = this.#rowOf(number);
    const at = this.#messageRow(row, number);
    if (this.#messages.states[at] !== OPEN) return;
    this.#messages.states[at] = RETURNED;
    this.#runs.returned[row] += 1;
  }

  /**
   * Looks at open messages that await one of `which`, the newest first, and at `most` rows. Returns how many rows it may
   * still look at; 0: there may be more.
   */
  newest(which: number, most: number, look: (message: Stretch<T>) => void): number {
    const { firsts, ends, counts, awaits, mask } = this.#runs;
    let left = most;
    for (let i = this.#tail - 1; i >= this.#head && left > 0; i--, left--) {
      const row = i & mask;
      if (counts[row] === 0 || (awaits[row] & which) === 0) continue;
      for (let n = ends[row] - 1; n >= firsts[row] && left > 0; n--, left--) {
        const state = this.#stateOf(row, n);
        if (state !== GONE) look(this.#of(row, n, 1, state === RETURNED));
      }
    }
    return left;
  }

  /** All open messages one by one, in order. */
  *[Symbol.iterator](): Iterator<Stretch<T>> {
    for (let i = this.#head; i < this.#tail; i++) {
      const row = i & this.#runs.mask;
      for (let n = this.#runs.firsts[row]; n < this.#runs.ends[row]; n++) {
        const state = this.#stateOf(row, n);
        if (state !== GONE) yield this.#of(row, n, 1, state === RETURNED);
      }
    }
  }

  /** Bytes of the body of a stretch's `i`th message. */
  sizeOf({ position }: Stretch<T>, i: number): number {
    return this.#messages.sizes[(position + i) & this.#messages.mask];
  }

  /** The ids of all messages; `idsAt` says where those of one begin. */
  get ids(): Uint32Array {
    return this.#messages.ids;
  }

  idsAt({ position }: Stretch<T>, i: number): number {
    return ((position + i) & this.#messages.mask) * IDS;
  }

  /**
   * Adds messages to the last run, if they have all in common with it and the kernel does not have it yet. False: they
   * need a run of their own.
   */
  #extend(run: Run<T>, count: number, first: number, awaits: number, position: number): boolean {
    if (this.#head === this.#tail) return false;
    const runs = this.#runs;
    const last = (this.#tail - 1) & runs.mask;
    if (
      // what mostly tells runs apart comes first
      runs.routes[last] !== run.route ||
      runs.ends[last] !== first ||
      runs.times[last] !== run.time ||
      runs.marks[last] !== run.marks ||
      runs.passageBits[last] !== run.passageBits ||
      runs.awaits[last] !== awaits ||
      runs.details[last] !== run.detail ||
      runs.replaced[last] !== run.replaced ||
      runs.remembered[last] !== run.remembered ||
      !Number.isNaN(runs.flushed[last]) ||
      !Object.is(runs.stamps[last], run.stamp) ||
      !Object.is(runs.latencies[last], run.latency) ||
      runs.positions[last] + runs.ends[last] - runs.firsts[last] !== position
    ) {
      return false;
    }
    runs.ends[last] = first + count;
    runs.counts[last] += count;
    if (run.largest > runs.largest[last]) runs.largest[last] = run.largest;
    return true;
  }

  #begin(run: Run<T>, count: number, first: number, awaits: number, held: boolean): void {
    const runs = this.#runs;
    const row = this.#tail++ & runs.mask;
    runs.routes[row] = run.route;
    // a row that is not in use has none of these, as most that are
    if (run.detail !== undefined) runs.details[row] = run.detail;
    if (run.replaced !== undefined) runs.replaced[row] = run.replaced;
    if (run.remembered !== undefined) runs.remembered[row] = run.remembered;
    runs.times[row] = run.time;
    runs.flushed[row] = held ? Number.POSITIVE_INFINITY : Number.NaN;
    runs.stamps[row] = run.stamp;
    runs.latencies[row] = run.latency;
    runs.firsts[row] = first;
    runs.ends[row] = first + count;
    runs.positions[row] = this.#position;
    runs.counts[row] = count;
    runs.returned[row] = 0;
    runs.largest[row] = run.largest;
    runs.marks[row] = run.marks;
    runs.passageBits[row] = run.passageBits;
    runs.awaits[row] = awaits;
  }

  /** Takes the open messages numbered `a` to `b` of one run. */
  #takeFrom(row: number, a: number, b: number, each: (stretch: Stretch<T>) => void): void {
    const { firsts, ends, counts, returned } = this.#runs;
    if (returned[row] === 0 && counts[row] === ends[row] - firsts[row]) {
      const stretch = this.#of(row, a, b - a + 1, false);
      if (a === firsts[row]) {
        this.#runs.positions[row] += stretch.count;
        firsts[row] = b + 1;
      } else if (b === ends[row] - 1) ends[row] = a;
      else this.#forget(row, a, b);
      this.#uncount(row, stretch.count);
      each(stretch);
      return;
    }
    for (let n = a; n <= b; ) {
      const state = this.#stateOf(row, n);
      let end = n + 1;
      while (end <= b && this.#stateOf(row, end) === state) end++;
      if (state !== GONE) {
        const stretch = this.#of(row, n, end - n, state === RETURNED);
        this.#forget(row, n, end - 1);
        if (stretch.returned) returned[row] -= stretch.count;
        this.#uncount(row, stretch.count);
        each(stretch);
      }
      n = end;
    }
  }

  #uncount(row: number, count: number): void {
    this.#runs.counts[row] -= count;
    this.size -= count;
    if (this.#runs.awaits[row] === FLUSH) this.#flushing -= count;
  }

  #forget(row: number, a: number, b: number): void {
    for (let n = a; n <= b; n++) this.#messages.states[this.#messageRow(row, n)] = GONE;
  }

  #messageRow(row: number, number: number): number {
    return (this.#runs.positions[row] + number - this.#runs.firsts[row]) & this.#messages.mask;
  }

  #stateOf(row: number, number: number): number {
    return this.#messages.states[this.#messageRow(row, number)];
  }

  #of(row: number, first: number, count: number, returned: boolean): Stretch<T> {
    const runs = this.#runs;
    const stretch = this.#stretch;
    stretch.route = runs.routes[row] as Route<T>;
    stretch.time = runs.times[row];
    stretch.flushedAt = runs.flushed[row];
    stretch.stamp = runs.stamps[row];
    stretch.latency = runs.latencies[row];
    stretch.detail = runs.details[row];
    stretch.replaced = runs.replaced[row];
    stretch.remembered = runs.remembered[row];
    stretch.passageBits = runs.passageBits[row];
    stretch.marks = runs.marks[row];
    stretch.awaits = runs.awaits[row];
    stretch.largest = runs.largest[row];
    stretch.first = first;
    stretch.count = count;
    stretch.returned = returned;
    stretch.position = runs.positions[row] + first - runs.firsts[row];
    return stretch;
  }

  /** The first run whose last number is not below `number`. */
  #seek(number: number): number {
    const { firsts, ends, mask } = this.#runs;
    let low = this.#head;
    if (number < ends[low & mask]) return low;
    const cursor = this.#cursor;
    if (cursor >= low && cursor < this.#tail && firsts[cursor & mask] <= number) {
      if (number < ends[cursor & mask]) return cursor;
      low = cursor + 1;
      if (low < this.#tail && number < ends[low & mask]) return low;
    }
    let high = this.#tail;
    while (low < high) {
      const middle = low + ((high - low) >>> 1);
      if (number < ends[middle & mask]) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The row of the run that a number belongs to, open or not; -1: of none that is kept. */
  #rowOf(number: number): number {
    if (this.#head === this.#tail) return -1;
    const run = this.#seek(number);
    if (run === this.#tail) return -1;
    const row = run & this.#runs.mask;
    return this.#runs.firsts[row] <= number ? row : -1;
  }

  #search(
    from: number,
    to: number,
    fits: (run: Stretch<T>) => boolean,
    matches: (message: Stretch<T>) => boolean,
  ): Stretch<T> | undefined {
    for (let i = from; i < to; i++) {
      const row = i & this.#runs.mask;
      const { firsts, ends, counts } = this.#runs;
      if (counts[row] === 0 || !fits(this.#of(row, firsts[row], counts[row], false))) continue;
      for (let n = firsts[row]; n < ends[row]; n++) {
        const state = this.#stateOf(row, n);
        if (state === GONE) continue;
        const message = this.#of(row, n, 1, state === RETURNED);
        if (!matches(message)) continue;
        this.#cursor = i;
        return message;
      }
    }
    return undefined;
  }

  /** Gives back the rows in front of the first open message, and behind the last. */
  #trim(): void {
    const { counts, positions, mask } = this.#runs;
    while (this.#head < this.#tail && counts[this.#head & mask] === 0) this.#runs.free(this.#head++ & mask);
    while (this.#tail > this.#head && counts[(this.#tail - 1) & mask] === 0) {
      const row = --this.#tail & mask;
      this.#runs.free(row);
      this.#position = positions[row];
    }
    if (this.#head === this.#tail) this.#head = this.#tail = this.#unflushed = this.#cursor = this.#position = 0;
    else if (this.#unflushed > this.#tail) this.#unflushed = this.#tail;
  }

  /** So that one more run, with `count` messages, fits. */
  #makeRoom(count: number): void {
    const runs = this.#runs;
    const isEmpty = this.#head === this.#tail;
    const span = isEmpty ? 0 : this.#position - runs.positions[this.#head & runs.mask];
    if (span + count <= this.#messages.length && this.#tail - this.#head < runs.length) return;
    const pieces = this.#pieces();
    this.#rebuild(roomFor(pieces.length + 1), roomFor(this.size + count), pieces);
  }

  /** What is open, as runs without gaps. */
  #pieces(): { row: number; first: number; count: number; unflushed: boolean }[] {
    const pieces = [];
    for (let i = this.#head; i < this.#tail; i++) {
      const row = i & this.#runs.mask;
      const { firsts, ends } = this.#runs;
      for (let n = firsts[row]; n < ends[row]; ) {
        let end = n + 1;
        const isOpen = this.#stateOf(row, n) !== GONE;
        while (end < ends[row] && (this.#stateOf(row, end) !== GONE) === isOpen) end++;
        if (isOpen) pieces.push({ row, first: n, count: end - n, unflushed: i >= this.#unflushed });
        n = end;
      }
    }
    return pieces;
  }

  #rebuild(
    runRows: number,
    messageRows: number,
    pieces: { row: number; first: number; count: number; unflushed: boolean }[],
  ): void {
    const [oldRuns, old] = [this.#runs, this.#messages];
    const runs = new RunColumns<T>(runRows);
    const messages = new MessageColumns(messageRows);
    let position = 0;
    let unflushed = pieces.length;
    pieces.forEach(({ row, first, count, unflushed: late }, to) => {
      if (late && to < unflushed) unflushed = to;
      runs.copy(oldRuns, row, to);
      runs.firsts[to] = first;
      runs.ends[to] = first + count;
      runs.positions[to] = position;
      runs.counts[to] = count;
      for (let n = first; n < first + count; n++, position++) {
        const from = this.#messageRow(row, n);
        messages.sizes[position] = old.sizes[from];
        messages.states[position] = old.states[from];
        if (old.states[from] === RETURNED) runs.returned[to] += 1;
        messages.ids.set(old.ids.subarray(from * IDS, (from + 1) * IDS), position * IDS);
      }
    });
    this.#runs = runs;
    this.#messages = messages;
    this.#head = this.#cursor = 0;
    this.#tail = pieces.length;
    this.#unflushed = unflushed;
    this.#position = position;
  }
}

/** A power of two that leaves a third of it free: so much can be added before the columns are built anew. */
function roomFor(count: number): number {
  let length = INITIAL;
  while (length < count * 1.5) length *= 2;
  return length;
}
