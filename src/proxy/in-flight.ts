import type { DeliveryTally } from './observer.ts';

/** Deliveries told of when an app vanishes, and what the two kernels between us and it can hold (Linux: up to 4 + 32 MB). */
const MAX_DELIVERIES = 16_384;
const MAX_BYTES = 36 << 20;
/** An app that keeps up has read what was sent longer ago than this. */
const RECENT_MS = 1000;
/** What is told apart by time: within as long, deliveries of one topic are one run. */
const SLICE_MS = 20;
/** Runs remembered that are not recent: those of one topic in a row are one. */
const MAX_OLD = 256;

interface Run {
  tally: DeliveryTally;
  /** when the kernel took the last of them, ms of the monotonic clock */
  until: number;
  count: number;
  /** in their bodies */
  bytes: number;
}

/**
 * Auto-ack deliveries the kernel took last. They counted as successes when it did; if the app then
 * vanishes, nobody can say which of them it had read: an upper bound of these is told as unknown
 * (FACTS, D: a consumer killed after 100 had 3,848 in its socket).
 */
export class InFlight {
  /** the oldest first, from #first on */
  #recent: Run[] = [];
  #first = 0;
  /** the runs of the slice at hand, which began at #since */
  readonly #slice = new Map<DeliveryTally, Run>();
  #since = Number.NEGATIVE_INFINITY;
  readonly #old: Run[] = [];
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
    if (now - this.#since >= SLICE_MS) {
      this.#since = now;
      this.#slice.clear();
      this.#forget(now);
    }
    const run = this.#slice.get(tally);
    if (run !== undefined) {
      run.until = now;
      run.count += count;
      run.bytes += bytes;
      return;
    }
    const begun = { tally, until: now, count, bytes };
    this.#slice.set(tally, begun);
    this.#recent.push(begun);
  }

  /** What is not recent any more goes to the old ones. */
  #forget(now: number): void {
    const recent = this.#recent;
    let first = this.#first;
    while (first < recent.length && (now - recent[first].until > RECENT_MS || recent.length - first > MAX_DELIVERIES)) {
      this.#age(recent[first++]);
    }
    // taking each out of the array by itself would move all the others
    this.#first = first;
    if (first * 2 <= recent.length) return;
    this.#recent = recent.slice(first);
    this.#first = 0;
  }

  #age(run: Run): void {
    const last = this.#old.at(-1);
    if (last !== undefined && last.tally === run.tally) {
      last.count += run.count;
      last.bytes += run.bytes;
      return;
    }
    this.#old.push(run);
    if (this.#old.length > MAX_OLD) this.#old.shift();
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
    const recent = this.#recent.slice(this.#first);
    const runs = full ? [...this.#old, ...recent] : recent.filter(({ until }) => now - until <= RECENT_MS);
    for (const run of runs.reverse()) {
      // of a run that was only partly in the buffers, about as many as fit
      const share = full && run.bytes > bytes ? bytes / run.bytes : 1;
      const count = Math.min(left, Math.ceil(run.count * share));
      if (count > 0) run.tally.unknown('autoack_in_flight', count);
      left -= count;
      bytes -= run.bytes;
      if (left === 0 || (full && bytes <= 0)) break;
    }
    this.#old.length = this.#recent.length = this.#first = 0;
    this.#slice.clear();
  }
}
