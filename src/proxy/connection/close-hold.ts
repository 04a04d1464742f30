import type { Session } from '../session/session.ts';

/** One closing of the app that waits. */
interface Held {
  /** 0: the connection */
  channel: number;
  /** at the latest then; an app that closes again and again leaves none behind */
  timer: NodeJS.Timeout;
  go(): void;
}

/**
 * Closings of the app that wait for outstanding shadow confirms: the broker drops the confirms of a channel that
 * closes, and a client that publishes and leaves is the commonest of all. The end of a connection also waits for what
 * the app sent before it on a channel number that is not free yet. Each waits for at most `settleOnClose`, and they
 * leave in the order in which they came.
 */
export class CloseHold {
  readonly #session: Session;
  #held: Held[] = [];

  constructor(session: Session) {
    this.#session = session;
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /**
   * Calls `go` as soon as nothing is awaited on `channel` (0: on none), or time is up; at once if
   * that is so already, and then returns false.
   */
  wait(channel: number, go: () => void): boolean {
    if (!this.#isAwaited(channel)) {
      go();
      return false;
    }
    const timer = setTimeout(() => this.#release(held), this.#session.plane.options.settleOnClose);
    const held = { channel, timer, go };
    this.#held.push(held);
    return true;
  }

  /** The app says the same again: it waits no longer. False: nothing of it waited. */
  hurry(channel: number): boolean {
    const held = this.#held.find((each) => each.channel === channel);
    if (held === undefined) return false;
    this.#release(held);
    return true;
  }

  /** What was awaited came in: lets go what waited for it. */
  settled(): void {
    for (const held of [...this.#held]) if (!this.#isAwaited(held.channel)) this.#release(held);
  }

  #isAwaited(channel: number): boolean {
    return this.#session.awaitsShadow(channel) || (channel === 0 && this.#session.reuses);
  }

  /** The connection becomes a plain pipe: nothing is waited for any more. */
  releaseAll(): void {
    this.#go(this.#held.splice(0));
  }

  /** Lets `held` go, and whatever came before it. */
  #release(held: Held): void {
    const at = this.#held.indexOf(held);
    if (at < 0) return;
    this.#go(this.#held.splice(0, at + 1));
  }

  #go(held: readonly Held[]): void {
    for (const { timer, go } of held) {
      clearTimeout(timer);
      go();
    }
  }
}
