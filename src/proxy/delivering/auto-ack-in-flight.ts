import { grown, NO_FLOATS } from '../../amqp/bytes.ts';
import type { DeliveryTally } from '../ports/observer.ts';

/** Most deliveries told of when an app vanishes, and most bytes that both kernels can hold (Linux: up to 4 + 32 MB). */
const MAX_DELIVERIES = 16_384;
const MAX_BYTES = 36 << 20;
/** An app that keeps up has read what was sent longer ago than this. */
const RECENT_MS = 1000;
/** Deliveries of one topic in a row are kept as one run for so long: their times are no more exact than that. */
const SLICE_MS = 20;
/** Most runs remembered that are not recent; of these, neighbours of one topic are joined. */
const MAX_OLD = 256;
const INITIAL = 64;

/**
 * Auto-ack deliveries the kernel took last. They counted as successes when it did; if the app then
 * vanishes, nobody can say which of them it had read: an upper bound of these is told as unknown
 * (docs/broker-facts.md#auto-ack-in-flight: a consumer killed after 100 had 3,848 in its socket).
 */
export class AutoAckInFlight {
  // by run, the oldest first; up to #runs
  #tallies: DeliveryTally[] = [];
  /** when the kernel took the first and the last of them, ms of the monotonic clock */
  #since = NO_FLOATS;
  #until = NO_FLOATS;
  #counts = NO_FLOATS;
  /** in their bodies */
  #bytes = NO_FLOATS;
  #runs = 0;
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
    const last = this.#runs - 1;
    if (last >= 0 && this.#tallies[last] === tally && now - this.#since[last] < SLICE_MS) {
      this.#until[last] = now;
      this.#counts[last] += count;
      this.#bytes[last] += bytes;
      return;
    }
    if (this.#runs === this.#since.length) this.#makeRoom(now);
    const run = this.#runs++;
    this.#tallies[run] = tally;
    this.#since[run] = this.#until[run] = now;
    this.#counts[run] = count;
    this.#bytes[run] = bytes;
  }

  /** Forgets what will not be told of; longer columns, if that is less than half. */
  #makeRoom(now: number): void {
    let recent = 0;
    while (recent < this.#runs && now - this.#until[recent] > RECENT_MS) recent++;
    let kept = 0;
    for (let run = 0; run < this.#runs; run++) {
      const last = kept - 1;
      if (run < recent && last >= 0 && this.#tallies[last] === this.#tallies[run]) {
        this.#until[last] = this.#until[run];
        this.#counts[last] += this.#counts[run];
        this.#bytes[last] += this.#bytes[run];
      } else this.#move(run, kept++);
      if (run === recent - 1) kept = this.#dropFirst(kept - MAX_OLD, kept);
    }
    kept = this.#dropFirst(kept - MAX_DELIVERIES, kept);
    this.#tallies.length = kept;
    this.#runs = kept;
    if (kept * 2 < this.#since.length) return;
    const length = Math.max(INITIAL, this.#since.length * 2);
    this.#since = grown(this.#since, length);
    this.#until = grown(this.#until, length);
    this.#counts = grown(this.#counts, length);
    this.#bytes = grown(this.#bytes, length);
  }

  /** Of `runs`, without the first `count`: how many are left. */
  #dropFirst(count: number, runs: number): number {
    if (count <= 0) return runs;
    for (let run = count; run < runs; run++) this.#move(run, run - count);
    return runs - count;
  }

  #move(from: number, to: number): void {
    if (from === to) return;
    this.#tallies[to] = this.#tallies[from];
    this.#since[to] = this.#since[from];
    this.#until[to] = this.#until[from];
    this.#counts[to] = this.#counts[from];
    this.#bytes[to] = this.#bytes[from];
  }

  /** The socket could not take all it was given. */
  heldBack(): void {
    this.#full = true;
  }

  /** The app vanished. */
  end(now: number): void {
    let bytes = MAX_BYTES;
    let left = MAX_DELIVERIES;
    const full = this.#full || now - this.#fullAt < RECENT_MS;
    for (let run = this.#runs - 1; run >= 0 && left > 0 && bytes > 0; run--) {
      if (!full && now - this.#until[run] > RECENT_MS) break;
      // of a run that was only partly in the buffers, about as many as fit
      const share = full && this.#bytes[run] > bytes ? bytes / this.#bytes[run] : 1;
      const count = Math.min(left, Math.ceil(this.#counts[run] * share));
      if (count > 0) this.#tallies[run].unknown('autoack_in_flight', count);
      left -= count;
      if (full) bytes -= this.#bytes[run];
    }
    this.#tallies = [];
    this.#runs = 0;
  }
}
