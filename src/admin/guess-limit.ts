/** Wrong tokens of one peer until it has to wait, and how long it waits for each further try. */
const FREE_GUESSES = 10;
const MS_PER_GUESS = 10_000;
const MAX_PEERS = 1024;

/** The brake on guessing a token. Peers are few and forgotten in time: memory is bounded whatever comes. */
export class GuessLimit {
  readonly #now: () => number;
  /** by peer, when all its guesses will be forgotten; those that guessed last are last */
  readonly #forgotten = new Map<string, number>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Milliseconds until the peer may try again; 0: at once. */
  wait(peer: string): number {
    const left = (this.#forgotten.get(peer) ?? 0) - this.#now();
    return Math.max(0, left - (FREE_GUESSES - 1) * MS_PER_GUESS);
  }

  /** The peer sent a wrong token. */
  wrong(peer: string): void {
    const now = this.#now();
    const forgotten = Math.max(this.#forgotten.get(peer) ?? 0, now) + MS_PER_GUESS;
    this.#forgotten.delete(peer);
    this.#forgotten.set(peer, forgotten);
    if (this.#forgotten.size <= MAX_PEERS) return;
    const [oldest] = this.#forgotten.keys();
    this.#forgotten.delete(oldest);
  }

  /** The peer has the token. */
  right(peer: string): void {
    this.#forgotten.delete(peer);
  }
}
