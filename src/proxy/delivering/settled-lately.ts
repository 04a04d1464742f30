import type { DeliveryTally } from '../ports/observer.ts';

/** A broker has read what was sent longer ago than this. */
const RECENT_MS = 1000;
/** What is told apart by time. */
const SLICE_MS = 50;
/** More requests in a second than this are told apart no more. */
const MOST_SLICES = 64;

interface Slice {
  since: number;
  until: number;
  /** settlements of the channel up to its last one */
  total: number;
  readonly counts: Map<DeliveryTally, number>;
}

/**
 * Settlements of one channel that counted as the app sent them. If the broker then closes the channel for another
 * reason, it has discarded those that it had not read: nobody can say which, and an upper bound of them is told as
 * unknown.
 */
export class SettledLately {
  #slices: Slice[] = [];
  #total = 0;
  /** what comes next is not to be mixed with what came before */
  #isCut = false;

  add(tally: DeliveryTally, count: number, now: number): void {
    this.#total += count;
    let slice = this.#slices.at(-1);
    if (slice === undefined || this.#isCut || now - slice.since >= SLICE_MS) {
      this.#forgetOld(now);
      slice = { since: now, until: now, total: 0, counts: new Map() };
      this.#slices.push(slice);
      if (this.#slices.length > MOST_SLICES) this.#joinOldest();
      this.#isCut = false;
    }
    slice.until = now;
    slice.total = this.#total;
    slice.counts.set(tally, (slice.counts.get(tally) ?? 0) + count);
  }

  /** The app asks for something: once that is answered, the broker has `read` so many. */
  mark(): number {
    this.#isCut = true;
    return this.#total;
  }

  read(total: number): void {
    let count = 0;
    while (count < this.#slices.length && this.#slices[count].total <= total) count++;
    if (count > 0) this.#slices.splice(0, count);
  }

  /** The broker closed the channel, and not at one of them. */
  crossed(now: number): void {
    this.#forgetOld(now);
    for (const { counts } of this.#slices.splice(0)) {
      for (const [tally, count] of counts) tally.unknown('channel_error', count);
    }
  }

  #forgetOld(now: number): void {
    let count = 0;
    while (count < this.#slices.length && now - this.#slices[count].until > RECENT_MS) count++;
    if (count > 0) this.#slices.splice(0, count);
  }

  #joinOldest(): void {
    const [first, second] = this.#slices.splice(0, 2);
    for (const [tally, count] of first.counts) second.counts.set(tally, (second.counts.get(tally) ?? 0) + count);
    this.#slices.unshift({ ...second, since: first.since });
  }
}
