import type { DeliveryTally } from '../ports/observer.ts';

/** Settlements in order, while others waited, after which a channel may be taken to have one worker. */
const PROVEN = 64;
/** As many more are asked for after a delivery overtook another. */
const OVERTAKEN = -1000;
/** So many of the deliveries that came while the channel held no other are compared with those that waited. */
const COMPARED = 8;
/** Side by side, a delivery that came first seems to take at least so many times as long as those behind it. */
const SIDE_BY_SIDE = 3;
/** What the way to the app and back may take, which is not work. */
const WAY_MS = 1;
/** After so many that waited, older ones count for half. */
const MOST_COMPARED = 1024;

/**
 * Tells the handler's time from the wait before it, for the deliveries of one channel.
 *
 * A delivery that comes while the channel holds no other is worked on at once. One that comes behind others is worked on
 * when the one before is settled, if the channel has one worker. That is believed while deliveries are settled one
 * after another in the order in which they came, and only as long as nothing speaks for several that work side by side and
 * do not happen to overtake each other:
 * - then what comes first seems to take much longer than what waits behind it;
 * - and the channel may hold some deliveries all the time, but no more than it takes to be busy. One worker that has always
 *   something to do falls behind, until the client's prefetch is full.
 */
export class HandlerTime {
  /** deliveries that the broker lets the channel hold; 0: any number */
  prefetch = 0;
  /** ms of the monotonic clock */
  #settledAt = 0;
  /** the last delivery that came while the channel held no other */
  #first = -1;
  #inOrder = 0;
  /** deliveries that came since the channel was last seen to be idle, or its prefetch full */
  #sinceKnown = 0;
  /** what the last COMPARED of those took that came first, ms */
  readonly #firstMs: number[] = [];
  #firsts = 0;
  /** what those took that waited, and how many they are */
  #behindMs = 0;
  #behind = 0;

  /** `count` deliveries came, the first of them with that tag; `held`: how many others the channel held. */
  came(tag: number, count: number, held: number): void {
    this.#sinceKnown += count;
    if (held > 0) return;
    this.#first = tag;
    this.#sinceKnown = 0;
  }

  /**
   * `count` deliveries from `tag` on, which had come at `time`, were settled one after another, and no earlier one is open.
   * `held`: by the channel before. The tally is told of those of which it is known. Of several that are read at one time the
   * first took all of the time, as far as anyone can see.
   */
  settled(tag: number, count: number, time: number, held: number, now: number, tally: DeliveryTally): void {
    const isFirst = tag === this.#first;
    // one that came first was worked on at once, whatever has overtaken it
    const since = isFirst ? time : Math.max(time, this.#settledAt);
    const took = now - since;
    this.#settledAt = now;
    if (held >= this.prefetch && this.prefetch > 0) this.#sinceKnown = 0;
    if (isFirst) this.#firstMs[this.#firsts++ % COMPARED] = took;
    const behind = isFirst ? count - 1 : count;
    if (behind > 0) this.#waitedBehind(behind, isFirst ? 0 : took);
    const hasOneWorker = behind > 0 && this.#hasOneWorker;
    if (isFirst || hasOneWorker) tally.handled((since - time) / 1000, took / 1000);
    if (hasOneWorker && count > 1) tally.handled((now - time) / 1000, 0, count - 1);
  }

  /** One was settled while an earlier one is still worked on. */
  overtook(now: number): void {
    this.#inOrder = OVERTAKEN;
    this.#settledAt = now;
  }

  /** Several were settled at once, or one was given back: whatever is worked on next, it is from now on. */
  passed(now: number): void {
    this.#settledAt = now;
  }

  #waitedBehind(count: number, took: number): void {
    this.#inOrder += count;
    this.#behindMs += took;
    this.#behind += count;
    if (this.#behind < MOST_COMPARED) return;
    this.#behindMs /= 2;
    this.#behind /= 2;
  }

  get #hasOneWorker(): boolean {
    if (this.#inOrder < PROVEN || this.#sinceKnown > PROVEN) return false;
    const most = WAY_MS + (SIDE_BY_SIDE * this.#behindMs) / this.#behind;
    let slower = 0;
    for (const took of this.#firstMs) if (took > most) slower++;
    return slower * 2 < this.#firstMs.length;
  }
}
