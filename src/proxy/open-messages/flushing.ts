import { grown, NO_WORDS } from '../../amqp/bytes.ts';
import type { Route } from '../routing/routes.ts';
import { type Detail, IDS, type Passed } from './window.ts';

/** Whoever counts messages once the kernel took them, or never will. */
interface Owner<T> {
  /** `count` messages with `bytes` in their bodies. */
  flushed(route: Route<T>, time: number, count: number, bytes: number, now: number): void;
  /** One of them that has a detail. It holds until this returns. */
  tell(message: Passed<T>, sequence: number, now: number): void;
  unflushed(message: Passed<T>, sequence: number, now: number): void;
}

/** Whoever keeps messages that end later, and wants to know when the kernel took what was written so far. */
interface Watcher {
  writtenOut(now: number): void;
}

const NO_IDS = new Uint32Array(IDS);
/** messages with a detail that there is room for at first */
const INITIAL = 64;

/**
 * Messages whose outcome is the flush of the socket, in columns. All of them end together: the
 * socket is asked only whether it holds anything still, which is the case for no longer than its
 * high-water mark lasts. Those in a row that differ in nothing but what is told of them are counted at once.
 */
export class Flushing<T> {
  /** by run */
  readonly #owners: Owner<T>[] = [];
  readonly #routes: Route<T>[] = [];
  readonly #times: number[] = [];
  /** behind the last message of the run */
  readonly #ends: number[] = [];
  readonly #bytes: number[] = [];
  #runs = 0;
  /** by message */
  readonly #sizes: number[] = [];
  readonly #sequences: number[] = [];
  #count = 0;
  /** by message with a detail */
  readonly #messages: number[] = [];
  readonly #details: Detail[] = [];
  readonly #bits: number[] = [];
  readonly #latencies: number[] = [];
  #ids = NO_WORDS;
  #told = 0;
  readonly #watchers: Watcher[] = [];

  /** Tells `watcher` once the socket took all it was given. */
  watch(watcher: Watcher): void {
    this.#watchers.push(watcher);
  }

  /** `message` is copied. */
  add(owner: Owner<T>, message: Passed<T>, sequence: number): void {
    const { route, time, size, detail } = message;
    if (detail !== undefined) this.#keep(message, detail);
    this.#sizes[this.#count] = size;
    this.#sequences[this.#count] = sequence;
    const end = ++this.#count;
    const last = this.#runs - 1;
    if (last >= 0 && this.#owners[last] === owner && this.#routes[last] === route && this.#times[last] === time) {
      this.#ends[last] = end;
      this.#bytes[last] += size;
      return;
    }
    const run = this.#runs++;
    this.#owners[run] = owner;
    this.#routes[run] = route;
    this.#times[run] = time;
    this.#ends[run] = end;
    this.#bytes[run] = size;
  }

  #keep({ bits, ids, idsAt, latency }: Passed<T>, detail: Detail): void {
    const at = this.#told++;
    this.#messages[at] = this.#count;
    this.#details[at] = detail;
    this.#bits[at] = bits;
    this.#latencies[at] = latency;
    if (this.#ids.length < this.#told * IDS)
      this.#ids = grown(this.#ids, Math.max(INITIAL * IDS, 2 * this.#ids.length));
    for (let i = 0; i < IDS; i++) this.#ids[at * IDS + i] = ids[idsAt + i];
  }

  /** The socket took all it was given (`flushed`), or is gone. */
  end(flushed: boolean, now: number): void {
    if (this.#watchers.length > 0) this.#tellWatchers(flushed, now);
    if (this.#runs === 0) return;
    const runs = this.#runs;
    this.#runs = 0;
    const messages = this.#count;
    this.#count = 0;
    const told = this.#told;
    this.#told = 0;
    for (let run = 0, from = 0, next = 0; run < runs; run++) {
      const end = this.#ends[run];
      if (flushed) this.#owners[run].flushed(this.#routes[run], this.#times[run], end - from, this.#bytes[run], now);
      next = flushed ? this.#tell(run, next, told, end, now) : this.#unflushed(run, next, told, from, end, now);
      from = end;
    }
    // what was held for a burst must not be held forever
    if (runs > 1024) for (const column of [this.#owners, this.#routes]) column.length = 0;
    if (messages > 16_384) for (const column of [this.#sizes, this.#sequences]) column.length = 0;
    if (told > 4096) {
      for (const column of [this.#messages, this.#details, this.#bits, this.#latencies]) column.length = 0;
      this.#ids = NO_WORDS;
    }
  }

  #tellWatchers(flushed: boolean, now: number): void {
    if (flushed) for (const watcher of this.#watchers) watcher.writtenOut(now);
    this.#watchers.length = 0;
  }

  /** Those of a run that have a detail, of which `next` is the first; returns the next one behind. */
  #tell(run: number, next: number, told: number, end: number, now: number): number {
    if (next === told || this.#messages[next] >= end) return next;
    const message = this.#message(run);
    let at = next;
    for (; at < told && this.#messages[at] < end; at++) {
      const i = this.#messages[at];
      this.#detailed(message, i, at);
      this.#owners[run].tell(message, this.#sequences[i], now);
    }
    return at;
  }

  #unflushed(run: number, next: number, told: number, from: number, end: number, now: number): number {
    let at = next;
    for (let i = from; i < end; i++) {
      const message = this.#message(run);
      message.size = this.#sizes[i];
      if (at < told && this.#messages[at] === i) this.#detailed(message, i, at++);
      this.#owners[run].unflushed(message, this.#sequences[i], now);
    }
    return at;
  }

  #message(run: number): Passed<T> {
    return {
      route: this.#routes[run],
      time: this.#times[run],
      size: 0,
      detail: undefined,
      bits: 0,
      ids: NO_IDS,
      idsAt: 0,
      latency: Number.NaN,
    };
  }

  #detailed(message: Passed<T>, i: number, at: number): void {
    message.size = this.#sizes[i];
    message.detail = this.#details[at];
    message.bits = this.#bits[at];
    message.ids = this.#ids;
    message.idsAt = at * IDS;
    message.latency = this.#latencies[at];
  }
}
