import type { Route } from './routes.ts';
import type { Detail } from './window.ts';

interface Passage<T, D> {
  route: Route<T>;
  time: number;
  size: number;
  detail: D | undefined;
}

/** Whoever counts messages once the kernel took them, or never will. */
interface Owner<T, D> {
  flushed(message: Passage<T, D>, sequence: number, now: number): void;
  /** `count` messages without detail, with `bytes` in their bodies. */
  allFlushed(route: Route<T>, time: number, count: number, bytes: number, now: number): void;
  unflushed(message: Passage<T, D>, sequence: number, now: number): void;
}

/**
 * Messages whose outcome is the flush of the socket, in columns. All of them end together: the
 * socket is asked only whether it holds anything still, which is the case for no longer than its
 * high-water mark lasts. Those in a row that differ in nothing but their size are counted at once.
 */
export class Flushing<T, D extends Detail> {
  /** by run */
  readonly #owners: Owner<T, D>[] = [];
  readonly #routes: Route<T>[] = [];
  readonly #details: (D | undefined)[] = [];
  readonly #times: number[] = [];
  /** behind the last message of the run */
  readonly #ends: number[] = [];
  readonly #bytes: number[] = [];
  #runs = 0;
  /** by message */
  readonly #sizes: number[] = [];
  readonly #sequences: number[] = [];
  #count = 0;

  /** `message` is copied. */
  add(owner: Owner<T, D>, message: Passage<T, D>, sequence: number): void {
    const { route, time, size, detail } = message;
    this.#sizes[this.#count] = size;
    this.#sequences[this.#count] = sequence;
    const end = ++this.#count;
    const last = this.#runs - 1;
    if (
      last >= 0 &&
      detail === undefined &&
      this.#details[last] === undefined &&
      this.#owners[last] === owner &&
      this.#routes[last] === route &&
      this.#times[last] === time
    ) {
      this.#ends[last] = end;
      this.#bytes[last] += size;
      return;
    }
    const run = this.#runs++;
    this.#owners[run] = owner;
    this.#routes[run] = route;
    this.#details[run] = detail;
    this.#times[run] = time;
    this.#ends[run] = end;
    this.#bytes[run] = size;
  }

  /** The socket took all it was given (`flushed`), or is gone. */
  end(flushed: boolean, now: number): void {
    if (this.#runs === 0) return;
    const runs = this.#runs;
    this.#runs = 0;
    const messages = this.#count;
    this.#count = 0;
    for (let run = 0, from = 0; run < runs; run++) {
      const end = this.#ends[run];
      const detail = this.#details[run];
      if (flushed && detail === undefined) {
        this.#owners[run].allFlushed(this.#routes[run], this.#times[run], end - from, this.#bytes[run], now);
      } else this.#each(run, from, end, flushed, now);
      from = end;
    }
    // what was held for a burst must not be held forever
    if (runs > 1024) for (const column of [this.#owners, this.#routes, this.#details]) column.length = 0;
    if (messages > 16_384) for (const column of [this.#sizes, this.#sequences]) column.length = 0;
  }

  #each(run: number, from: number, end: number, flushed: boolean, now: number): void {
    const owner = this.#owners[run];
    const message = { route: this.#routes[run], time: this.#times[run], size: 0, detail: this.#details[run] };
    for (let i = from; i < end; i++) {
      message.size = this.#sizes[i];
      if (flushed) owner.flushed(message, this.#sequences[i], now);
      else owner.unflushed(message, this.#sequences[i], now);
    }
  }
}
