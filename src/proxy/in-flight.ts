import type { DeliveryTally } from './observer.ts';

/** Auto-ack deliveries remembered per connection, or runs of them, and what the two kernels between us and the app can hold (Linux: up to 4 + 32 MB). */
const MAX_DELIVERIES = 16_384;
const MAX_BYTES = 36 << 20;
/** An app that keeps up has read what was sent longer ago than this. */
const RECENT_MS = 1000;

/**
 * Auto-ack deliveries the kernel took last. They counted as successes when it did; if the app then
 * vanishes, nobody can say which of them it had read: an upper bound of these is told as unknown
 * (FACTS, D: a consumer killed after 100 had 3,848 in its socket).
 */
export class InFlight {
  readonly #tallies: (DeliveryTally | undefined)[] = [];
  readonly #times: number[] = [];
  /** deliveries in each run, and bytes in their bodies */
  readonly #counts: number[] = [];
  readonly #bytes: number[] = [];
  #next = 0;
  /** the socket holds what the kernel could not take: the buffers behind it are full */
  #full = false;
  /** when that was so last */
  #fullAt = Number.NEGATIVE_INFINITY;

  /** The kernel took these, and all before them. */
  add(tally: DeliveryTally, count: number, bytes: number, now: number): void {
    if (this.#full) {
      this.#full = false;
      this.#fullAt = now;
    }
    const at = this.#next++ & (MAX_DELIVERIES - 1);
    this.#tallies[at] = tally;
    this.#times[at] = now;
    this.#counts[at] = count;
    this.#bytes[at] = bytes;
  }

  /** The socket could not take all it was given. */
  heldBack(): void {
    this.#full = true;
  }

  /** The app vanished. */
  end(now: number): void {
    let bytes = 0;
    let left = MAX_DELIVERIES;
    const full = this.#full || now - this.#fullAt < RECENT_MS;
    const runs = Math.min(this.#next, MAX_DELIVERIES);
    for (let n = 1; n <= runs && left > 0; n++) {
      const at = (this.#next - n) & (MAX_DELIVERIES - 1);
      if (full ? bytes > MAX_BYTES : now - this.#times[at] > RECENT_MS) break;
      bytes += this.#bytes[at];
      const count = Math.min(left, this.#counts[at]);
      left -= count;
      this.#tallies[at]?.unknown('autoack_in_flight', count);
    }
    this.#next = 0;
  }
}
