import { HAS_SPAN, LOST, NOTHING_MORE, SAMPLED } from '../../events/passage.ts';
import { FLUSH, OpenMessages, SETTLEMENT, type Stretch } from '../open-messages/open-messages.ts';
import { type Ending, PassageTeller } from '../open-messages/passage-teller.ts';
import type { SpanDetail } from '../open-messages/span-detail.ts';
import type { Flushable, Unflushed } from '../open-messages/unflushed.ts';
import type { Plane } from '../plane/plane.ts';
import type { DeliveryTally, RequeueReason } from '../ports/observer.ts';
import type { AutoAckInFlight } from './auto-ack-in-flight.ts';
import { type DeliveryRun, STREAM_READ } from './delivery-run.ts';
import { type Settlement, Uncommitted } from './uncommitted.ts';

const ACKED: Ending = { settlement: 'ack', outcome: 'success', reason: '', bits: 0 };
const AUTO_ACKED: Ending = { settlement: 'auto-ack', outcome: 'success', reason: '', bits: 0 };
const UNDELIVERED: Ending = { settlement: 'none', outcome: 'failed', reason: 'autoack_undelivered', bits: LOST };
/** Settlements in a transaction that are remembered, however few deliveries are. */
const MIN_UNCOMMITTED = 1024;
/** Of one of which nothing was to be told. */
const UNTOLD: SpanDetail = { via: 'deliver', consumerTag: '', more: NOTHING_MORE };
/** Numbers from the first delivery to the last. */
const ALL = Number.POSITIVE_INFINITY;

/**
 * The consume side of one channel: keeps the deliveries the app has yet to settle and ends each
 * exactly once (docs/loss.md#how-a-messages-passage-ends).
 */
export class DeliveryTracker implements Flushable {
  readonly #plane: Plane;
  readonly #vhost: string;
  readonly #unflushed: Unflushed;
  readonly #inFlight: AutoAckInFlight;
  readonly #limit: number;
  readonly #mostUncommitted: number;
  readonly #open = new OpenMessages<DeliveryTally>();
  readonly #teller: PassageTeller<DeliveryTally>;
  /** in tx: settlements wait for the commit */
  #uncommitted: Uncommitted | undefined;
  /** the highest delivery tag so far */
  #lastTag = 0;
  /** it waits for the next flush */
  #waits = false;
  /** of the call at hand, ms of the monotonic clock */
  #now = 0;
  readonly #acked = (stretch: Stretch<DeliveryTally>): void => {
    this.#settled(stretch);
    stretch.route.tally.succeeded((this.#now - stretch.time) / 1000, false, stretch.count);
    this.#tellSampled(stretch, ACKED);
  };
  readonly #autoAcked = (stretch: Stretch<DeliveryTally>): void => {
    const { tally } = stretch.route;
    let bytes = 0;
    for (let i = 0; i < stretch.count; i++) bytes += this.#open.sizeOf(stretch, i);
    tally.succeeded(0, true, stretch.count);
    this.#inFlight.add(tally, stretch.count, bytes, this.#now);
    this.#tellSampled(stretch, AUTO_ACKED);
  };
  readonly #undelivered = (stretch: Stretch<DeliveryTally>): void => {
    const { tally, hop } = stretch.route;
    for (let i = 0; i < stretch.count; i++) {
      tally.failed('autoack_undelivered', Number.NaN, true);
      hop.lost();
      this.#tell(stretch, i, stretch.detail ?? UNTOLD, UNDELIVERED);
    }
  };

  constructor(
    plane: Plane,
    connection: number,
    channel: number,
    vhost: string,
    unflushed: Unflushed,
    inFlight: AutoAckInFlight,
  ) {
    this.#plane = plane;
    this.#vhost = vhost;
    this.#unflushed = unflushed;
    this.#inFlight = inFlight;
    this.#limit = plane.options.windowPerChannel;
    this.#mostUncommitted = Math.max(this.#limit, MIN_UNCOMMITTED);
    this.#teller = new PassageTeller(this.#open, plane.observer, plane.clock, connection, channel);
  }

  /** tx.select passed. */
  transactional(): void {
    this.#uncommitted ??= new Uncommitted();
  }

  /** The last byte of each passed towards the app; `held`: a fault keeps it from the socket, `left` tells when not. */
  passed(run: DeliveryRun, held = false): void {
    const { route, tag, count } = run;
    const { tally, hop } = route;
    tally.passed(run.bytes, run.redelivered, run.get, count);
    hop.passed(run.redelivered, count);
    const isStreamRead = run.marks === STREAM_READ;
    if (isStreamRead) tally.streamRead(run.latency, count);
    else if (run.isFirst) tally.first(run.latency, count);
    // one step of a retry loop per delivery; a redelivery shows the same step again
    if (run.deadLetterQueue !== '' && !run.redelivered && !isStreamRead) {
      for (let i = 0; i < count; i++) tally.deadLettered(run.deadLetterQueue, run.deadLetterReason);
    }
    // delivery tags grow; one that does not can't be told from those that are open
    const follows = tag > this.#lastTag;
    if (follows) this.#lastTag = tag + count - 1;
    if (run.source.noAck) this.#awaitFlush(run, follows, held);
    else this.#awaitSettlement(run, follows ? Math.min(count, Math.max(0, this.#limit - this.#open.awaiting)) : 0);
  }

  #awaitSettlement(run: DeliveryRun, kept: number): void {
    const { count } = run;
    for (let i = kept; i < count; i++) this.#plane.observer.traffic.unobserved('window_full');
    if (kept === 0) return;
    this.#open.add(run, 0, kept, run.tag, SETTLEMENT);
    run.route.tally.unsettled(kept);
  }

  #awaitFlush(run: DeliveryRun, follows: boolean, held: boolean): void {
    if (!follows) {
      this.#plane.observer.traffic.unobserved('window_full');
      run.route.tally.succeeded(0, true, run.count);
      return;
    }
    this.#open.add(run, 0, run.count, run.tag, FLUSH, held);
    this.#wait();
  }

  #wait(): void {
    if (this.#waits) return;
    this.#waits = true;
    this.#unflushed.add(this);
  }

  /** Flushable: the kernel took the auto-ack deliveries. */
  flushed(now: number): void {
    this.#waits = false;
    this.#now = now;
    this.#open.flush(now, this.#autoAcked);
  }

  /** Flushable: auto-ack deliveries are still in our hands when the connection ends; the broker has done with them. */
  unsent(now: number): void {
    this.#waits = false;
    this.#now = now;
    this.#open.take(0, ALL, FLUSH, this.#undelivered);
  }

  /** An auto-ack delivery that a fault held back has left for the socket. */
  left(tag: number): void {
    this.#open.release(tag);
    this.#wait();
  }

  /** An auto-ack delivery that a fault took out of the stream: the broker has done with it. */
  withdrawn(run: DeliveryRun, now: number): void {
    if (!run.source.noAck) return;
    const { route, tag } = run;
    route.tally.passed(run.bytes, run.redelivered, run.get);
    if (tag <= this.#lastTag) return;
    this.#lastTag = tag;
    this.#now = now;
    this.#open.add(run, 0, 1, tag, FLUSH);
    this.#open.take(tag, tag, FLUSH, this.#undelivered);
  }

  settle(settlement: Settlement, now: number): void {
    if (this.#uncommitted === undefined) {
      this.#apply(settlement, now);
      return;
    }
    // what `multiple` covers is decided now, not at the commit
    const to = settlement.to === 0 ? this.#lastTag : settlement.to;
    // all, while nothing was delivered yet: at the commit it would read as all there are then
    if (to === 0) return;
    // of deliveries that are not open, or not any more, there is nothing to say at the commit
    if (!this.#open.some(settlement.from, to, SETTLEMENT)) return;
    // each is of another open delivery, unless the app settles some of them again and again
    if (this.#uncommitted.size < this.#mostUncommitted) this.#uncommitted.add({ ...settlement, to });
    else this.#plane.observer.traffic.unobserved('window_full');
  }

  /** tx.commit or tx.rollback is sent: the number of the settlements it covers. */
  markUncommitted(): number {
    return this.#uncommitted?.mark() ?? 0;
  }

  /** tx.commit-ok of those up to this number. */
  committed(upTo: number, now: number): void {
    for (const settlement of this.#uncommitted?.take(upTo) ?? []) this.#apply(settlement, now);
  }

  rolledBack(upTo: number): void {
    this.#uncommitted?.take(upTo);
  }

  #apply({ how, from, to, requeue }: Settlement, now: number): void {
    this.#now = now;
    const last = to === 0 ? this.#lastTag : to;
    if (how === 'ack') this.#open.take(from, last, SETTLEMENT, this.#acked);
    else
      this.#open.take(from, last, SETTLEMENT, (stretch) => {
        // a stream keeps its messages and brings none again
        if (requeue && stretch.marks !== STREAM_READ) this.#requeued(stretch, how, how);
        else this.#rejected(stretch, how);
      });
  }

  /** basic.recover: all that is unsettled goes back to its queue, but for what the app has settled and not yet committed. */
  recover(now: number): void {
    if (this.#uncommitted === undefined || this.#uncommitted.size === 0) {
      this.requeueAll('recover', now);
      return;
    }
    this.#now = now;
    const isSettled = this.#uncommitted.covers();
    const tags = Array.from(this.#open, ({ awaits, first }) => (awaits === SETTLEMENT ? first : -1));
    for (const tag of tags) {
      if (tag < 0 || isSettled(tag)) continue;
      this.#open.take(tag, tag, SETTLEMENT, (stretch) => this.#requeued(stretch, 'recover', 'recover'));
    }
  }

  /** The channel or connection ended: all that is unsettled goes back to its queue, and so does what waits for a commit. */
  requeueAll(reason: RequeueReason, now: number): void {
    this.#now = now;
    this.#uncommitted?.clear();
    this.#open.take(0, ALL, SETTLEMENT, (stretch) => this.#requeued(stretch, reason, reason));
  }

  #requeued(stretch: Stretch<DeliveryTally>, settlement: Ending['settlement'], reason: RequeueReason): void {
    this.#settled(stretch);
    // what was not settled stays in a stream, as what was
    const isStreamRead = stretch.marks === STREAM_READ;
    if (!isStreamRead) stretch.route.tally.requeued(reason, stretch.count);
    this.#tellSampled(stretch, { settlement, outcome: isStreamRead ? 'unknown' : 'requeued', reason, bits: 0 });
  }

  #rejected(stretch: Stretch<DeliveryTally>, settlement: 'reject' | 'nack'): void {
    this.#settled(stretch);
    const { route } = stretch;
    const { tally, hop } = route;
    const seconds = (this.#now - stretch.time) / 1000;
    const lost =
      stretch.marks !== STREAM_READ &&
      !route.treatment.deadLetters &&
      !this.#plane.queues.deadLetters(this.#vhost, route.queue);
    const ending: Ending = { settlement, outcome: 'failed', reason: 'rejected', bits: lost ? LOST : 0 };
    for (let i = 0; i < stretch.count; i++) {
      tally.failed('rejected', seconds, lost);
      if (lost) hop.lost();
      this.#tell(stretch, i, stretch.detail ?? UNTOLD, ending);
    }
  }

  #settled(stretch: Stretch<DeliveryTally>): void {
    stretch.route.tally.unsettled(-stretch.count);
  }

  #tellSampled(stretch: Stretch<DeliveryTally>, ending: Ending): void {
    const { detail } = stretch;
    if (detail === undefined) return;
    for (let i = 0; i < stretch.count; i++) this.#tell(stretch, i, detail, ending);
  }

  #tell(stretch: Stretch<DeliveryTally>, i: number, detail: SpanDetail, ending: Ending): void {
    const spanBit = (stretch.passageBits & SAMPLED) === 0 ? 0 : HAS_SPAN;
    this.#teller.tell(stretch, i, detail, stretch.first + i, this.#now, ending, spanBit);
  }
}
