import { PLAIN_PUBLISH } from '../open-messages/span-detail.ts';
import type { Passed, Window } from '../open-messages/window.ts';
import type { Plane } from '../plane/plane.ts';
import type { LossReason, PublishTally, UnknownReason } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import type { Publishing } from './publish.ts';
import { ACKED, type End, FAULT, PublishEvents, ROUTED, unknown } from './publish-events.ts';
import type { PublishNumbers } from './publish-numbers.ts';

/**
 * Counts how one channel's publishes ended, and tells of it. Those of `slot` stay readable until it is released.
 * `endedAt` is the end of a publish's span and duration: when the broker answered it or, where no answer is due,
 * when the kernel took it, which may be long before its outcome is known.
 *
 * Successes in a row of which nothing else is told are counted at once: whoever ends publishes calls
 * `count` behind the last one.
 */
export class PublishOutcomes {
  readonly #open: Window<PublishTally>;
  readonly #numbers: PublishNumbers;
  readonly #events: PublishEvents;
  /** successes not yet counted: all of one route, passed and ended at the same times */
  #route: Route<PublishTally> | undefined;
  #time = 0;
  #endedAt = 0;
  #confirmed = false;
  #count = 0;

  constructor(plane: Plane, connection: number, channel: number, open: Window<PublishTally>, numbers: PublishNumbers) {
    this.#open = open;
    this.#numbers = numbers;
    this.#events = new PublishEvents(plane, connection, channel);
  }

  /** `end`: ROUTED or ACKED. */
  succeeded(slot: number, sequence: number, endedAt: number, end: End): void {
    const route = this.#open.routes[slot];
    const time = this.#open.times[slot];
    if (
      route !== this.#route ||
      time !== this.#time ||
      endedAt !== this.#endedAt ||
      end.confirmed !== this.#confirmed
    ) {
      this.count();
      this.#route = route;
      this.#time = time;
      this.#endedAt = endedAt;
      this.#confirmed = end.confirmed;
    }
    this.#count++;
    if (this.#open.details[slot] !== undefined) this.#ended(slot, sequence, endedAt, end);
  }

  /** What succeeded so far. */
  count(): void {
    const route = this.#route;
    if (route === undefined || this.#count === 0) return;
    const seconds = (this.#endedAt - this.#time) / 1000;
    if (this.#confirmed) route.tally.confirmed(seconds, this.#count);
    route.tally.succeeded(seconds, this.#count);
    this.#count = 0;
  }

  lost(
    slot: number,
    sequence: number,
    reason: LossReason,
    endedAt: number,
    confirmed: boolean,
    code = 0,
    reply = '',
  ): void {
    const route = this.#routeOf(slot);
    if (this.#isExpected(route, reason)) {
      if (this.#open.details[slot] !== undefined) this.#ended(slot, sequence, endedAt, confirmed ? ACKED : ROUTED);
      return;
    }
    this.#countLost(route, reason, this.#open.times[slot], endedAt);
    this.#ended(slot, sequence, endedAt, { outcome: 'failed', reason, confirmed, code, reply });
  }

  /** `lost` for one that no confirm will come of and whose route, time and detail are at hand. */
  lostAwaiting(
    publish: Passed<PublishTally>,
    sequence: number,
    reason: LossReason,
    endedAt: number,
    code = 0,
    reply = '',
  ): void {
    const { route, time } = publish;
    let end: End = ROUTED;
    if (!this.#isExpected(route, reason)) {
      this.#countLost(route, reason, time, endedAt);
      end = { outcome: 'failed', reason, confirmed: false, code, reply };
    }
    this.#events.ended(publish, this.#numbers.appNumber(sequence), endedAt, end);
  }

  unknown(slot: number, sequence: number, reason: UnknownReason, endedAt: number, end: End): void {
    this.#routeOf(slot).tally.unknown(reason);
    if (this.#open.details[slot] !== undefined) this.#ended(slot, sequence, endedAt, end);
  }

  /**
   * One of several was lost: counted, but neither the span of this one nor anything else must claim
   * to be it. `routingKey`: '' unless all of them have the same. `end`: what this one's span says.
   */
  lostAmong(
    slot: number,
    sequence: number,
    reason: LossReason,
    routingKey: string,
    endedAt: number,
    now: number,
    end: End,
  ): void {
    this.lostUnnamed(this.#routeOf(slot), this.#open.times[slot], reason, routingKey, endedAt, now);
    if (this.#open.details[slot] !== undefined) this.#ended(slot, sequence, endedAt, end);
  }

  /** `lostAmong` for one that passed at `time` and has no span. */
  lostUnnamed(
    route: Route<PublishTally>,
    time: number,
    reason: LossReason,
    routingKey: string,
    endedAt: number,
    now: number,
  ): void {
    this.#countLost(route, reason, time, endedAt);
    this.#events.lost(route, reason, routingKey, '', now);
  }

  /** Lost after all: it was counted as a success before. */
  lostLate(route: Route<PublishTally>, reason: LossReason, routingKey: string, traceId: string, now: number): void {
    if (this.#isExpected(route, reason)) return;
    route.tally.lostLate(reason);
    route.hop.lost();
    this.#events.lost(route, reason, routingKey, traceId, now);
  }

  /** Several of a route that no confirm will come of: the kernel took them at `endedAt`. */
  flushed({ tally }: Route<PublishTally>, time: number, count: number, endedAt: number): void {
    tally.succeeded((endedAt - time) / 1000, count);
  }

  /** One of them. */
  tell(publish: Passed<PublishTally>, sequence: number, now: number): void {
    this.#events.ended(publish, this.#numbers.appNumber(sequence), now, ROUTED);
  }

  /** One that was not kept: it may never have reached the broker. */
  unsent(publish: Passed<PublishTally>, sequence: number, reason: UnknownReason, now: number): void {
    publish.route.tally.unknown(reason);
    this.#events.ended(publish, this.#numbers.appNumber(sequence), now, unknown(reason, 0, ''));
  }

  /** One that was not kept: a fault dropped it. */
  dropped(publish: Publishing, sequence: number, now: number): void {
    publish.route.tally.lost('fault', (now - publish.time) / 1000);
    const { more } = PLAIN_PUBLISH;
    const detail = publish.detail ?? { ...PLAIN_PUBLISH, more: { ...more, fault: publish.fault } };
    this.#events.ended({ ...publish, detail }, this.#numbers.appNumber(sequence), now, FAULT);
  }

  /** Configuration says so: it is no loss, and counted as that. */
  #isExpected({ treatment, tally }: Route<PublishTally>, reason: LossReason): boolean {
    if (reason !== 'unroutable' || !treatment.unroutableExpected) return false;
    tally.unroutedAsExpected();
    return true;
  }

  #countLost({ tally, hop }: Route<PublishTally>, reason: LossReason, time: number, endedAt: number): void {
    tally.lost(reason, (endedAt - time) / 1000);
    hop.lost();
  }

  #routeOf(slot: number): Route<PublishTally> {
    return this.#open.routes[slot] as Route<PublishTally>;
  }

  #ended(slot: number, sequence: number, endedAt: number, end: End): void {
    const open = this.#open;
    const publish = open.message(slot, open.details[slot] ?? PLAIN_PUBLISH, Number.NaN);
    this.#events.ended(publish, this.#numbers.appNumber(sequence), endedAt, end);
  }
}
