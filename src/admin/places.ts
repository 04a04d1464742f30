/**
 * So many places for as many holders, and nobody is turned away: when all are taken, one holder goes. It is one of
 * the peer that has most of them, so that whoever takes all there are takes them from itself: first one of the
 * lowest rank, and of those the one that came first.
 */
export class Places<T> {
  readonly #limit: number;
  readonly #evict: (holder: T) => void;
  readonly #rank: (holder: T) => number;
  /** by holder, the peer; in order of coming */
  readonly #held = new Map<T, string>();

  constructor(limit: number, evict: (holder: T) => void, rank: (holder: T) => number = () => 0) {
    this.#limit = limit;
    this.#evict = evict;
    this.#rank = rank;
  }

  take(holder: T, peer: string): void {
    this.#held.set(holder, peer);
    if (this.#held.size <= this.#limit) return;
    const victim = this.#victim(holder);
    this.#held.delete(victim);
    this.#evict(victim);
  }

  leave(holder: T): void {
    this.#held.delete(holder);
  }

  /** Any but the newest. */
  #victim(newest: T): T {
    const byPeer = Map.groupBy(this.#held, ([, peer]) => peer);
    const [most] = [...byPeer.values()].sort((a, b) => b.length - a.length);
    const candidates = most.map(([holder]) => holder).filter((holder) => holder !== newest);
    // sorting keeps the order of coming among equals
    return candidates.sort((a, b) => this.#rank(a) - this.#rank(b))[0] ?? newest;
  }
}
