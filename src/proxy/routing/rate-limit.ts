import type { PacedTally } from '../ports/observer.ts';

/** Messages a second on each connection; one object a rule, so that its routes share one account. */
export interface RateLimit {
  readonly perSecond: number;
}

/** A sender may save up, or be ahead by, what it may send in this time at least: timers are no finer. */
const LEAST_WINDOW_MS = 10;

/** When the messages of one rule are due on one connection: each moves the time by its share of a second. */
class Account {
  readonly #interval: number;
  readonly #window: number;
  #due = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number) {
    this.#interval = 1000 / perSecond;
    this.#window = Math.max(LEAST_WINDOW_MS, this.#interval);
  }

  /** A message passed: how many ms it was ahead of its time, 0 or less if it was not. */
  ahead(now: number): number {
    this.#due = Math.max(this.#due, now - this.#window) + this.#interval;
    return this.#due - now;
  }

  tooFar(ahead: number): boolean {
    return ahead > this.#window / 2;
  }
}

/** Keeps one direction of a connection to the rates that its rules set. */
export class RateLimiter {
  /** weak, so that the limits of a configuration that was replaced are forgotten */
  readonly #accounts = new WeakMap<RateLimit, Account>();
  /** ms for which nothing more may be read; 0: none */
  wait = 0;
  /** counts the wait: of the route of the message behind which reading stops */
  #tally: PacedTally | undefined;
  #ended = false;
  /** called when nothing may be read behind the frame that just ended */
  onWait: () => void = () => {};

  /** The last byte of a message passed. */
  passed(limit: RateLimit, tally: PacedTally, now: number): void {
    if (this.#ended) return;
    let account = this.#accounts.get(limit);
    if (account === undefined) {
      account = new Account(limit.perSecond);
      this.#accounts.set(limit, account);
    }
    const ahead = account.ahead(now);
    if (ahead > 0) tally.overRate();
    if (!account.tooFar(ahead)) return;
    this.wait = ahead;
    this.#tally = tally;
    this.onWait();
  }

  /** It waited as long as that. */
  waited(seconds: number): void {
    this.wait = 0;
    this.#tally?.heldBack(seconds);
    this.#tally = undefined;
  }

  /** The connection ends: what is left of it passes at once. */
  end(): void {
    this.#ended = true;
  }
}
