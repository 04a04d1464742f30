import type { DeliveryEnded } from '../../events/lifecycle.ts';
import { HAS_SPAN, LOST, NOTHING_MORE, newPassage, SAMPLED, TRACED } from '../../events/passage.ts';
import { type Detail, IDS, type Passed, Window } from '../open-messages/window.ts';
import type { Plane } from '../plane/plane.ts';
import type { DeliveryTally, RequeueReason } from '../ports/observer.ts';
import { PassageNames } from '../routing/route-names.ts';
import type { Route, RouteTable } from '../routing/routes.ts';
import type { InFlight } from './auto-ack-in-flight.ts';

export interface Consumer {
  readonly tag: string;
  /** the tag's bytes, so that a delivery finds its consumer without making a string */
  readonly key: Uint8Array;
  readonly queue: string;
  readonly noAck: boolean;
  /** of its sampled deliveries of which there is nothing more to tell */
  readonly plain: Detail;
  routes: RouteTable<DeliveryTally>;
  last: Route<DeliveryTally> | undefined;
}

/** The delivery at hand: between its method frame and its last body byte. */
export interface Delivering extends Passed<DeliveryTally> {
  tag: number;
  noAck: boolean;
  redelivered: boolean;
  /** a get-ok, not a basic.deliver */
  get: boolean;
  /** faults that struck it, separated by commas */
  fault: string;
}

type Settlement = Pick<DeliveryEnded, 'settlement' | 'outcome' | 'reason' | 'lost'>;
const ACKED: Settlement = { settlement: 'ack', outcome: 'success', reason: '', lost: false };
const AUTO_ACKED: Settlement = { settlement: 'auto-ack', outcome: 'success', reason: '', lost: false };
const UNDELIVERED: Settlement = { settlement: 'none', outcome: 'failed', reason: 'autoack_undelivered', lost: true };
/** Of one of which nothing was to be told. */
const UNTOLD: Detail = { via: 'deliver', consumerTag: '', more: NOTHING_MORE };

/** An app's basic.ack, basic.reject or basic.nack. */
export interface Settle {
  how: 'ack' | 'reject' | 'nack';
  tag: number;
  multiple: boolean;
  requeue: boolean;
}

/**
 * The consume side of one channel: keeps the deliveries the app has yet to settle and ends each
 * exactly once (DESIGN, Outcomes).
 */
export class Deliveries {
  readonly #plane: Plane;
  readonly #vhost: string;
  readonly #names: PassageNames;
  readonly #passage = newPassage();
  readonly #unsettled: Window<DeliveryTally>;
  /** in tx: settlements wait for the commit */
  #uncommitted: Settle[] | undefined;
  #lastTag = 0;
  readonly #inFlight: InFlight;
  /** acks not yet counted: all of one route, delivered and acked at the same times */
  #ackedRoute: Route<DeliveryTally> | undefined;
  #ackedTime = 0;
  #ackedNow = 0;
  #acked = 0;

  constructor(plane: Plane, connection: number, channel: number, vhost: string, inFlight: InFlight) {
    this.#plane = plane;
    this.#vhost = vhost;
    this.#names = new PassageNames(connection, channel);
    this.#inFlight = inFlight;
    this.#unsettled = new Window(plane.options.windowPerChannel);
  }

  /** tx.select-ok passed. */
  transactional(): void {
    this.#uncommitted ??= [];
  }

  /** The last byte of a delivery passed. Returns true if its outcome is the flush of the socket. */
  passed(delivery: Delivering): boolean {
    const { route, redelivered } = delivery;
    route.tally.passed(delivery.size, redelivered, delivery.get);
    route.hop.passed(redelivered);
    return this.goes(delivery);
  }

  /** `passed` for one of several of a route, which `went` counts. */
  goes(delivery: Delivering): boolean {
    const { route, tag, detail } = delivery;
    this.#lastTag = tag;
    if (delivery.noAck) return true;
    const open = this.#unsettled;
    // a tag that does not grow is no delivery tag we can follow
    const slot = tag >= open.next ? open.add(tag) : -1;
    if (slot < 0) {
      this.#plane.observer.traffic.unobserved('window_full');
      return false;
    }
    open.routes[slot] = route;
    open.times[slot] = delivery.time;
    open.sizes[slot] = delivery.size;
    open.bits[slot] = delivery.bits;
    if (detail !== undefined) {
      open.details[slot] = detail;
      open.stamps[slot] = delivery.latency;
    }
    if ((delivery.bits & TRACED) !== 0) for (let i = 0; i < IDS; i++) open.ids[slot * IDS + i] = delivery.ids[i];
    route.tally.unsettled(1);
    return false;
  }

  /** First deliveries to a consumer. */
  went(route: Route<DeliveryTally>, count: number, bytes: number): void {
    route.tally.passed(bytes, false, false, count);
    route.hop.passed(false, count);
  }

  settle(settle: Settle, now: number): void {
    if (this.#uncommitted === undefined) {
      this.#apply(settle, now);
      return;
    }
    // what `multiple` covers is decided now, not at the commit
    const tag = settle.multiple && settle.tag === 0 ? this.#lastTag : settle.tag;
    // all, while nothing was delivered yet: at the commit it would read as all there are then
    if (tag === 0) return;
    this.#uncommitted.push({ ...settle, tag });
  }

  /** Settlements waiting for a commit: tx.commit covers those made so far. */
  get uncommitted(): number {
    return this.#uncommitted?.length ?? 0;
  }

  committed(count: number, now: number): void {
    for (const settle of this.#uncommitted?.splice(0, count) ?? []) this.#apply(settle, now);
  }

  rolledBack(count: number): void {
    this.#uncommitted?.splice(0, count);
  }

  #apply({ how, tag, multiple, requeue }: Settle, now: number): void {
    if (how === 'ack') {
      this.ack(tag, multiple, now);
      this.countAcks();
      return;
    }
    if (multiple) {
      this.#unsettled.takeUpTo(tag || this.#lastTag, (slot, n) => this.#settleOne(slot, n, how, requeue, now));
      return;
    }
    const slot = this.#unsettled.take(tag);
    if (slot < 0) return;
    this.#settleOne(slot, tag, how, requeue, now);
    this.#unsettled.release(slot);
  }

  /** Settlements take effect as they come. */
  get settlesAtOnce(): boolean {
    return this.#uncommitted === undefined;
  }

  /** basic.ack of the app while `settlesAtOnce`; whoever takes several in a row calls `countAcks` behind the last one. */
  ack(tag: number, multiple: boolean, now: number): void {
    if (multiple) {
      this.#unsettled.takeUpTo(tag || this.#lastTag, (slot, n) => this.#ackOne(slot, n, now));
      return;
    }
    const slot = this.#unsettled.take(tag);
    if (slot < 0) return;
    this.#ackOne(slot, tag, now);
    this.#unsettled.release(slot);
  }

  #ackOne(slot: number, tag: number, now: number): void {
    const open = this.#unsettled;
    const route = open.routes[slot];
    const time = open.times[slot];
    if (route !== this.#ackedRoute || time !== this.#ackedTime || now !== this.#ackedNow) {
      this.countAcks();
      this.#ackedRoute = route;
      this.#ackedTime = time;
      this.#ackedNow = now;
    }
    this.#acked++;
    if (open.details[slot] !== undefined) this.#ended(slot, tag, now, ACKED);
  }

  /** What was acked so far. */
  countAcks(): void {
    const route = this.#ackedRoute;
    if (route === undefined || this.#acked === 0) return;
    route.tally.unsettled(-this.#acked);
    route.tally.succeeded((this.#ackedNow - this.#ackedTime) / 1000, false, this.#acked);
    this.#acked = 0;
  }

  #settleOne(slot: number, tag: number, how: 'nack' | 'reject', requeue: boolean, now: number): void {
    const open = this.#unsettled;
    const route = open.routes[slot] as Route<DeliveryTally>;
    const seconds = (now - open.times[slot]) / 1000;
    route.tally.unsettled(-1);
    if (requeue) {
      route.tally.requeued(how);
      if (open.details[slot] !== undefined) {
        this.#ended(slot, tag, now, { settlement: how, outcome: 'requeued', reason: how, lost: false });
      }
    } else {
      const lost = !route.treatment.deadLetters && !this.#plane.deadLetters(this.#vhost, route.queue);
      route.tally.failed('rejected', seconds, lost);
      if (lost) route.hop.lost();
      this.#ended(slot, tag, now, { settlement: how, outcome: 'failed', reason: 'rejected', lost });
    }
  }

  /** The channel or connection ended: all that is unsettled goes back to its queue, and so does what waits for a commit. */
  requeueAll(reason: RequeueReason, now: number): void {
    if (this.#uncommitted !== undefined) this.#uncommitted.length = 0;
    this.#unsettled.takeUpTo(this.#lastTag, (slot, tag) => this.#requeue(slot, tag, reason, now));
  }

  /** basic.recover: all that is unsettled goes back to its queue, but for what the app has settled and not yet committed. */
  recover(now: number): void {
    const settled = this.#uncommitted ?? [];
    if (settled.length === 0) {
      this.requeueAll('recover', now);
      return;
    }
    const isSettled = (tag: number): boolean =>
      settled.some((settle) => (settle.multiple ? tag <= settle.tag : tag === settle.tag));
    const open = this.#unsettled;
    for (let tag = open.first(); tag >= 0; tag = open.first(tag + 1)) {
      if (isSettled(tag)) continue;
      const slot = open.take(tag);
      this.#requeue(slot, tag, 'recover', now);
      open.release(slot);
    }
  }

  #requeue(slot: number, tag: number, reason: RequeueReason, now: number): void {
    const { tally } = this.#unsettled.routes[slot] as Route<DeliveryTally>;
    tally.unsettled(-1);
    tally.requeued(reason);
    if (this.#unsettled.details[slot] !== undefined) {
      this.#ended(slot, tag, now, { settlement: reason, outcome: 'requeued', reason, lost: false });
    }
  }

  /** Auto-ack deliveries whose last byte the kernel took. */
  flushed({ tally }: Route<DeliveryTally>, _time: number, count: number, bytes: number, now: number): void {
    tally.succeeded(0, true, count);
    this.#inFlight.add(tally, count, bytes, now);
  }

  tell(delivered: Passed<DeliveryTally>, tag: number, now: number): void {
    this.#tell(delivered, tag, now, AUTO_ACKED);
  }

  /** An auto-ack delivery that was still in our hands when the connection ended: to the broker it is done with. */
  unflushed(delivered: Passed<DeliveryTally>, tag: number, now: number): void {
    delivered.route.tally.failed('autoack_undelivered', Number.NaN, true);
    delivered.route.hop.lost();
    const untold = { detail: UNTOLD, bits: 0, latency: Number.NaN };
    this.#tell(delivered.detail === undefined ? { ...delivered, ...untold } : delivered, tag, now, UNDELIVERED);
  }

  #ended(slot: number, tag: number, now: number, settlement: Settlement): void {
    const open = this.#unsettled;
    const detail = open.details[slot];
    const latency = detail === undefined ? Number.NaN : open.stamps[slot];
    const delivered = open.message(slot, detail ?? UNTOLD, latency);
    this.#tell(delivered, tag, now, settlement);
  }

  #tell(delivered: Passed<DeliveryTally>, deliveryTag: number, now: number, settlement: Settlement): void {
    const { detail, bits } = delivered;
    if (detail === undefined) return;
    const { clock, observer } = this.#plane;
    const passage = this.#passage;
    passage.names = this.#names.of(delivered.route, detail);
    passage.bits = bits | ((bits & SAMPLED) === 0 ? 0 : HAS_SPAN) | (settlement.lost ? LOST : 0);
    passage.ids = delivered.ids;
    passage.idsAt = delivered.idsAt;
    passage.startedAt = clock.micros(delivered.time);
    passage.endedAt = clock.micros(now);
    passage.bodySize = delivered.size;
    passage.number = deliveryTag;
    passage.latency = delivered.latency;
    passage.settlement = settlement.settlement;
    passage.outcome = settlement.outcome;
    passage.reason = settlement.reason;
    passage.more = detail.more;
    observer.ended(passage);
  }
}
