import type { Route } from './routes.ts';
import type { Detail } from './window.ts';

interface Passage<T, D> {
  route: Route<T>;
  time: number;
  size: number;
  detail: D | undefined;
}

/** Whoever counts a message once the kernel took it, or never will. */
interface Owner<T, D> {
  flushed(message: Passage<T, D>, sequence: number, now: number): void;
  unflushed(message: Passage<T, D>, sequence: number, now: number): void;
}

/**
 * Messages whose outcome is the flush of the socket, in columns. All of them end together: the
 * socket is asked only whether it holds anything still, which is the case for no longer than its
 * high-water mark lasts.
 */
export class Flushing<T, D extends Detail> {
  readonly #owners: Owner<T, D>[] = [];
  readonly #routes: Route<T>[] = [];
  readonly #details: (D | undefined)[] = [];
  readonly #times: number[] = [];
  readonly #sizes: number[] = [];
  readonly #sequences: number[] = [];
  #count = 0;

  /** `message` is copied. */
  add(owner: Owner<T, D>, message: Passage<T, D>, sequence: number): void {
    const i = this.#count++;
    this.#owners[i] = owner;
    this.#routes[i] = message.route;
    this.#details[i] = message.detail;
    this.#times[i] = message.time;
    this.#sizes[i] = message.size;
    this.#sequences[i] = sequence;
  }

  /** The socket took all it was given (`flushed`), or is gone. */
  end(flushed: boolean, now: number): void {
    if (this.#count === 0) return;
    const count = this.#count;
    this.#count = 0;
    const message: Passage<T, D> = { route: this.#routes[0], time: 0, size: 0, detail: undefined };
    for (let i = 0; i < count; i++) {
      message.route = this.#routes[i];
      message.time = this.#times[i];
      message.size = this.#sizes[i];
      message.detail = this.#details[i];
      if (flushed) this.#owners[i].flushed(message, this.#sequences[i], now);
      else this.#owners[i].unflushed(message, this.#sequences[i], now);
    }
    // what was held for a burst must not be held forever
    if (count > 1024) for (const column of [this.#owners, this.#routes, this.#details]) column.length = 0;
  }
}
