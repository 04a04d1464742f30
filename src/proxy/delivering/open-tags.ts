import { type OpenMessages, SETTLEMENT } from '../open-messages/open-messages.ts';
import type { DeliveryTally } from '../ports/observer.ts';
import type { Settlement } from './settlement.ts';
import { TagRanges } from './tag-ranges.ts';

/** Ranges of tags kept of deliveries that are not followed. */
const MOST_RANGES = 1024;

/**
 * Which delivery tags the broker will take a settlement of when it reads what the app sends now. It closes the channel
 * at any other. Where that is not known, a tag is taken to be open.
 */
export class OpenTags {
  /** deliveries that are followed and not settled, or whose settlement waits for its commit */
  readonly #followed: OpenMessages<DeliveryTally>;
  /** open to the broker, and of no consequence for what is counted: beyond the window, or told of as requeued already */
  readonly #unfollowed = new TagRanges(MOST_RANGES);
  /** settled in a transaction that is not rolled back; a part of what is followed, so its size is bounded with that */
  readonly #uncommitted = new TagRanges(Number.POSITIVE_INFINITY);
  /** the app has sent a basic.recover behind all deliveries up to this tag */
  #recovered = 0;
  /** the broker uses tags that a number can't hold exactly */
  #isInexact = false;

  constructor(followed: OpenMessages<DeliveryTally>) {
    this.#followed = followed;
  }

  /** The first tag that a settlement names and the broker will refuse; Infinity: it takes all of it. */
  firstRefused({ from, to }: Settlement): number {
    // all so far may be none, and `multiple` names only its last one
    if (to === 0 || this.#isInexact) return Number.POSITIVE_INFINITY;
    const first = from === 0 ? to : from;
    if (first <= this.#recovered) return first;
    let tag = first;
    while (tag <= to) {
      tag = this.#followed.firstMissing(tag, to, SETTLEMENT);
      const last = tag > to ? -1 : this.#unfollowed.lastFrom(tag);
      if (last < 0) break;
      tag = last + 1;
    }
    const refused = this.#uncommitted.isEmpty ? tag : Math.min(tag, this.#uncommitted.firstFrom(first));
    return refused > to ? Number.POSITIVE_INFINITY : refused;
  }

  /** Deliveries with these tags are not followed, or not any more. */
  unfollowed(tag: number, count: number): void {
    if (count === 0) return;
    if (Number.isSafeInteger(tag + count)) this.#unfollowed.add(tag, tag + count - 1);
    else this.#isInexact = true;
  }

  /** The broker takes the settlement, at once or with its commit. */
  closed(from: number, to: number): void {
    if (!this.#unfollowed.isEmpty) this.#unfollowed.delete(from, to);
    if (!this.#uncommitted.isEmpty) this.#uncommitted.delete(from, to);
  }

  /** What has been settled and may still be rolled back. */
  uncommitted(settlements: Iterable<Settlement>): void {
    this.#uncommitted.clear();
    for (const each of settlements) this.settledInTransaction(each);
  }

  settledInTransaction({ from, to }: Settlement): void {
    this.#uncommitted.add(Math.max(1, from), to);
  }

  isUncommitted(tag: number): boolean {
    return this.#uncommitted.includes(tag);
  }

  /** The app asks for all deliveries so far, up to `lastTag`, to be requeued. */
  recovers(lastTag: number): void {
    // those whose settlement is rolled back later are open again
    if (this.#uncommitted.isEmpty) this.#recovered = lastTag;
  }

  /** The broker has requeued all that was open. */
  recovered(): void {
    if (this.#uncommitted.isEmpty) this.#unfollowed.clear();
  }
}
