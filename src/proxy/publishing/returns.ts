import { hexOf } from '../../events/hex.ts';
import { HAS_PARENT } from '../../events/passage.ts';
import { type Awaiting, type AwaitingReturn, sameContext, sameNames } from '../open-messages/awaiting-return.ts';
import type { FlushTimes } from '../open-messages/flush-times.ts';
import { PLAIN_PUBLISH } from '../open-messages/span-detail.ts';
import { type Detail, IDS, type Window } from '../open-messages/window.ts';
import type { PublishTally } from '../ports/observer.ts';
import { bitsOfStamp } from '../ports/sent-stamp.ts';
import type { Route } from '../routing/routes.ts';
import { MANDATORY, RETURN_IS_EMPTY, RETURNED, type Returned, SHADOW } from './publish.ts';
import type { PublishNumbers } from './publish-numbers.ts';
import type { PublishOutcomes } from './publish-outcomes.ts';

/**
 * The messages of one channel that come back: which publish each was, and that it is lost. Identity is
 * the sequence, what a message carries only finds it.
 */
export class Returns {
  readonly #open: Window<PublishTally>;
  readonly #awaiting: AwaitingReturn;
  readonly #flushes: FlushTimes;
  readonly #outcomes: PublishOutcomes;
  readonly #numbers: PublishNumbers;
  /** behind the last one found among the open: returns come in publish order */
  #cursor = 0;
  /** the app set mandatory itself, at least once */
  #asksForReturns = false;

  constructor(
    open: Window<PublishTally>,
    awaiting: AwaitingReturn,
    flushes: FlushTimes,
    outcomes: PublishOutcomes,
    numbers: PublishNumbers,
  ) {
    this.#open = open;
    this.#awaiting = awaiting;
    this.#flushes = flushes;
    this.#outcomes = outcomes;
    this.#numbers = numbers;
  }

  /** A publish passes; `bits` as of Window.bits. */
  passed(bits: number): void {
    if ((bits & (MANDATORY | SHADOW)) === MANDATORY) this.#asksForReturns = true;
  }

  /**
   * A message came back. Returns the publish's bits; if its outcome was already counted, those of them that can
   * still be known: whether it was us who asked (SHADOW), and what of its headers is ours.
   */
  returned(message: Returned, now: number): number {
    const awaiting = this.#awaiting.find(message);
    if (awaiting !== undefined) return this.#lostAwaiting(awaiting, message, now);
    const sequence = this.#find(message);
    return sequence < 0 ? this.#late(message, now) : this.#lost(sequence, message, now);
  }

  #lostAwaiting(publish: Awaiting, { code, reply }: Returned, now: number): number {
    const { sequence, bits } = publish;
    if ((bits & RETURN_IS_EMPTY) !== 0) return bits;
    const message = this.#awaiting.message(publish, withReply(PLAIN_PUBLISH, code, reply));
    this.#awaiting.take(publish);
    this.#outcomes.lostAwaiting(message, sequence, 'unroutable', this.#flushes.of(sequence, now));
    return bits;
  }

  #lost(sequence: number, { code, reply }: Returned, now: number): number {
    const open = this.#open;
    const slot = open.find(sequence);
    const bits = open.bits[slot];
    if ((bits & RETURN_IS_EMPTY) !== 0) return bits;
    open.details[slot] = withReply(open.details[slot] ?? PLAIN_PUBLISH, code, reply);
    if (sequence <= this.#numbers.plainUntil) {
      open.take(sequence);
      this.#outcomes.lost(slot, sequence, 'unroutable', this.#flushes.of(sequence, now), false);
      open.release(slot);
    } else {
      // decided by the confirm or the commit that follows
      open.bits[slot] = bits | RETURNED;
    }
    return bits;
  }

  #late(message: Returned, now: number): number {
    const { route, ids } = message;
    if (!route.answers) {
      const traceId = ids === undefined ? '' : hexOf(ids, 0, 4);
      this.#outcomes.lostLate(route, 'unroutable', route.routingKey, traceId, now);
    }
    if (!this.#asksForReturns) return SHADOW;
    // without propagation the stamp is one that the app copied along
    return route.treatment.propagate && !Number.isNaN(message.stamp) ? bitsOfStamp(message.stamp) : 0;
  }

  /** The sequence of one in the window, or -1. */
  #find(message: Returned): number {
    let found = this.#between(this.#cursor, Number.POSITIVE_INFINITY, message);
    if (found < 0) found = this.#between(0, this.#cursor, message);
    if (found >= 0) this.#cursor = found + 1;
    return found;
  }

  #between(from: number, to: number, message: Returned): number {
    const open = this.#open;
    for (let n = open.first(from); n >= 0 && n < to; n = open.first(n + 1)) if (this.#matches(n, message)) return n;
    return -1;
  }

  #matches(n: number, { route, ids, stamp, size }: Returned): boolean {
    const open = this.#open;
    const slot = open.find(n);
    if (slot < 0 || (open.bits[slot] & (MANDATORY | RETURNED)) !== MANDATORY) return false;
    if (!sameNames(open.routes[slot] as Route<PublishTally>, route)) return false;
    if (open.sizes[slot] !== size || !Object.is(open.stamps[slot], stamp)) return false;
    return ids === undefined || sameContext(ids, open.ids, slot * IDS, (open.bits[slot] & HAS_PARENT) !== 0);
  }
}

const withReply = (detail: Detail, replyCode: number, replyText: string): Detail => ({
  ...detail,
  more: { ...detail.more, replyCode, replyText },
});
