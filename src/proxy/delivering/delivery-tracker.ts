import { LOST } from '../../events/passage.ts';
import type { ChannelState } from '../open-messages/channel-state.ts';
import { OpenMessages, SETTLEMENT, type Stretch } from '../open-messages/open-messages.ts';
import type { Ending } from '../open-messages/passage-teller.ts';
import type { Unflushed } from '../open-messages/unflushed.ts';
import type { Correlation } from '../plane/correlation.ts';
import { type Habits, HOARD } from '../plane/habits.ts';
import type { Plane } from '../plane/plane.ts';
import type { DeliveryTally, LossReason, RequeueReason } from '../ports/observer.ts';
import type { AutoAckInFlight } from './auto-ack-in-flight.ts';
import { AutoAcked } from './auto-acked.ts';
import { AT_DEFAULT_LIMIT, AT_LIMIT, CONSUMER, STREAM_READ } from './delivery-marks.ts';
import type { DeliveryRun } from './delivery-run.ts';
import { DeliveryTeller } from './delivery-teller.ts';
import { DirectReplies } from './direct-replies.ts';
import { HandlerTime } from './handler-time.ts';
import { OpenTags } from './open-tags.ts';
import { SettledLately } from './settled-lately.ts';
import type { Settlement } from './settlement.ts';
import { succeeded } from './succeeded.ts';
import { Transaction } from './transaction.ts';

const ACKED: Ending = { settlement: 'ack', outcome: 'success', reason: '', bits: 0 };
/** Settlements in a transaction that are remembered, however few deliveries are. */
const MIN_UNCOMMITTED = 1024;
/** Settlements kept for the case that the broker takes them all the same; most brokers never do. */
const MOST_WAITING = 4096;
/** By these a consumer goes: its deliveries wait until there is another one. */
const LEAVES = new Set<RequeueReason>(['consumer_cancelled', 'channel_closed', 'connection_closed']);
/** Numbers from the first delivery to the last. */
const ALL = Number.POSITIVE_INFINITY;

/**
 * The consume side of one channel: keeps the deliveries the app has yet to settle and ends each
 * exactly once (docs/loss.md#how-a-messages-passage-ends).
 * One file because settlements, commits, recovers, cancels and closes compete for the same open deliveries: whether one of
 * them may still end a delivery depends on what the others have done.
 */
export class DeliveryTracker {
  readonly #plane: Plane;
  readonly #vhost: string;
  readonly #state: ChannelState;
  readonly #nackCounts: boolean;
  readonly #limit: number;
  readonly #habits: Habits;
  readonly #mostUncommitted: number;
  /** deliveries that await their settlement, or their flush under auto-ack */
  readonly held = new OpenMessages<DeliveryTally>();
  readonly #correlation: Correlation;
  readonly #teller: DeliveryTeller;
  readonly #autoAcked: AutoAcked;
  /** few channels have any */
  #directReplies: DirectReplies | undefined;
  readonly #newDirectReplies: () => DirectReplies;
  readonly #tags = new OpenTags(this.held);
  readonly #lately = new SettledLately();
  readonly #handlerTime = new HandlerTime();
  /** the settlement at hand is of deliveries one after another, and in the order in which they came */
  #isInOrder = false;
  /** in tx: settlements wait for the commit */
  #transaction: Transaction | undefined;
  /** the app has sent what the broker closes the channel for: settlements since, which wait for that close or a reply */
  #waiting: { settlement: Settlement; serial: number }[] | undefined;
  /** settlements so far */
  #serial = 0;
  /** the highest delivery tag so far */
  #lastTag = 0;
  /** of the call at hand, ms of the monotonic clock */
  #now = 0;
  readonly #acked = (stretch: Stretch<DeliveryTally>): void => {
    this.#settled(stretch);
    const { tally } = stretch.route;
    tally.succeeded((this.#now - stretch.time) / 1000, false, stretch.count);
    succeeded(stretch, this.#plane.clock, this.#now);
    if (this.#isInOrder) this.#handled(stretch);
    this.#sent(stretch);
    this.#teller.ended(stretch, ACKED, this.#now);
  };

  constructor(
    plane: Plane,
    connection: number,
    channel: number,
    vhost: string,
    state: ChannelState,
    unflushed: Unflushed,
    inFlight: AutoAckInFlight,
    nackCounts: boolean,
    correlation: Correlation,
    habits: Habits,
  ) {
    this.#plane = plane;
    this.#vhost = vhost;
    this.#state = state;
    this.#nackCounts = nackCounts;
    this.#correlation = correlation;
    this.#habits = habits;
    this.#limit = plane.options.windowPerChannel;
    this.#mostUncommitted = Math.max(this.#limit, MIN_UNCOMMITTED);
    this.#teller = new DeliveryTeller(plane, this.held, connection, channel);
    this.#autoAcked = new AutoAcked(plane, this.held, this.#teller, unflushed, inFlight);
    this.#newDirectReplies = () => new DirectReplies(plane, connection, channel, unflushed, inFlight);
  }

  /** Deliveries that await their settlement. */
  get unsettled(): number {
    return this.held.awaiting;
  }

  /** tx.select passed. */
  transactional(): void {
    this.#transaction ??= new Transaction();
  }

  /**
   * The last byte of each passed towards the app. `held`: a fault keeps it from the socket, until what this returns is called.
   */
  passed(run: DeliveryRun, held = false): (() => void) | undefined {
    const { route, tag, count, source } = run;
    const { tally, hop, watermark } = route;
    tally.passed(run.bytes, run.redelivered, run.get, count);
    watermark.reached(run.stamp);
    if (!run.isPersistent) this.#habits.gotTransient(route, !Number.isNaN(run.stamp), run.time);
    hop.passed(run.redelivered, count);
    const isStreamRead = (run.marks & STREAM_READ) !== 0;
    if (isStreamRead) tally.streamRead(run.latency, count);
    else if (run.isFirst) tally.first(run.latency, count);
    // one step of a retry loop per delivery; a redelivery shows the same step again
    if (run.deadLetterQueue !== '' && !run.redelivered && !isStreamRead) {
      for (let i = 0; i < count; i++) tally.deadLettered(run.deadLetterQueue, run.deadLetterReason);
    }
    if (source.isDirectReply) {
      this.#directReplies ??= this.#newDirectReplies();
      return this.#directReplies.passed(run, held);
    }
    const from = this.#firstFollowed(tag, count);
    if (from < count) this.#lastTag = tag + count - 1;
    if (!source.noAck) {
      this.#awaitSettlement(run, from);
      return undefined;
    }
    return this.#awaitFlush(run, from, held);
  }

  /** Of so many deliveries from a tag on, the first that can be followed: a tag has to grow, and a number to hold it exactly. */
  #firstFollowed(tag: number, count: number): number {
    return Number.isSafeInteger(tag + count) ? Math.min(count, Math.max(0, this.#lastTag - tag + 1)) : count;
  }

  #awaitSettlement(run: DeliveryRun, from: number): void {
    const { count, tag } = run;
    const kept = Math.min(count - from, Math.max(0, this.#limit - this.held.awaiting));
    const to = from + kept;
    this.#tags.unfollowed(tag, from);
    this.#tags.unfollowed(tag + to, count - to);
    for (let i = kept; i < count; i++) this.#plane.observer.traffic.unobserved('window_full');
    if (kept < count) this.#correlation.handling.hides();
    if (kept === 0) return;
    this.#handlerTime.came(tag + from, kept, this.held.awaiting);
    this.held.add(run, from, kept, tag + from, SETTLEMENT);
    run.route.tally.unsettled(kept);
    const { awaiting } = this.held;
    if (awaiting >= HOARD && this.#handlerTime.prefetch === 0) this.#habits.holds(run.route.queue, awaiting, run.time);
    this.#correlation.handling.opened(kept, run.time);
  }

  #awaitFlush(run: DeliveryRun, from: number, held: boolean): (() => void) | undefined {
    const { count } = run;
    this.#correlation.handling.hides();
    for (let i = 0; i < from; i++) this.#plane.observer.traffic.unobserved('window_full');
    if (from > 0) run.route.tally.succeeded(0, true, from);
    return from < count ? this.#autoAcked.passed(run, from, run.tag + from, held) : undefined;
  }

  /** An auto-ack delivery that a fault took out of the stream: the broker has done with it. */
  withdrawn(run: DeliveryRun, now: number): void {
    if (!run.source.noAck) return;
    const { route, tag, source } = run;
    route.tally.passed(run.bytes, run.redelivered, run.get);
    if (source.isDirectReply) {
      this.#directReplies ??= this.#newDirectReplies();
      this.#directReplies.withdrawn(run, now);
      return;
    }
    if (this.#firstFollowed(tag, 1) > 0) return;
    this.#lastTag = tag;
    this.#autoAcked.withdrawn(run, tag, now);
  }

  /** Deliveries so far, those by basic.get included. */
  get count(): number {
    return this.#lastTag + (this.#directReplies?.count ?? 0);
  }

  settle(settlement: Settlement, now: number): void {
    if (!this.#state.isOpen) return;
    this.#now = now;
    const serial = ++this.#serial;
    const refused = this.#waiting === undefined ? this.#tags.firstRefused(settlement) : settlement.from;
    if (refused > settlement.to) {
      this.#taken(settlement, serial);
      return;
    }
    const { from } = settlement;
    if (refused > from && from > 0) this.#taken({ ...settlement, to: refused - 1 }, serial);
    this.illegal();
    this.#postpone({ ...settlement, from: from === 0 ? 0 : refused }, serial);
  }

  /** The app sends what the broker closes the channel for; what it sends behind that will not be read. */
  illegal(): void {
    if (!this.#state.isOpen) return;
    this.#waiting ??= [];
    this.#state.on('illegal by app');
  }

  /** Such a close has yet to come, or a reply that shows that the broker went on. */
  get awaitsClose(): boolean {
    return this.#waiting !== undefined;
  }

  #postpone(settlement: Settlement, serial: number): void {
    // tags that are still to be given are not meant
    const to = settlement.to === 0 ? this.#lastTag : Math.min(settlement.to, this.#lastTag);
    if (this.#waiting === undefined || to === 0 || settlement.from > to) return;
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push({ settlement: { ...settlement, to }, serial });
    else this.#plane.observer.traffic.unobserved('window_full');
  }

  /** The broker answered what the app sent later: it takes what others refuse. */
  tolerated(now: number): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    this.#now = now;
    this.#state.on('tolerated by broker');
    for (const { settlement, serial } of waiting) this.#taken(settlement, serial);
  }

  /** The broker takes it, at once or with its commit. */
  #taken(settlement: Settlement, serial: number): void {
    if (this.#transaction === undefined) {
      this.#apply(settlement);
      return;
    }
    // what `multiple` covers is decided now, not at the commit
    const to = settlement.to === 0 ? this.#lastTag : settlement.to;
    // all, while nothing was delivered yet: at the commit it would read as all there are then
    if (to === 0 || !this.held.some(settlement.from, to, SETTLEMENT)) return;
    const made = { ...settlement, to };
    // each is of another open delivery, unless the app rolls back again and again without waiting for an answer
    if (this.#transaction.size >= this.#mostUncommitted) this.#plane.observer.traffic.unobserved('window_full');
    else this.#transaction.add(made, serial);
    this.#tags.settledInTransaction(made);
  }

  /** Of the channel's settlements: a later reply says that the broker has read so many. */
  get made(): number {
    return this.#serial;
  }

  /** What has been settled so far, for `read`. */
  mark(): number {
    return this.#lately.mark();
  }

  /** The broker has read all settlements up to a mark. */
  read(mark: number): void {
    this.#lately.read(mark);
  }

  commits(): void {
    this.#transaction?.commits(this.#serial);
  }

  rollsBack(): void {
    if (this.#transaction !== undefined) this.#tags.uncommitted(this.#transaction.rollsBack());
  }

  committed(made: number, now: number): void {
    this.#now = now;
    for (const settlement of this.#transaction?.end(made) ?? []) this.#apply(settlement);
  }

  rolledBack(made: number): void {
    this.#transaction?.end(made);
  }

  #apply({ how, from, to, requeue }: Settlement): void {
    const last = to === 0 ? this.#lastTag : to;
    this.#tags.closed(from, last);
    this.#isInOrder = this.#transaction === undefined && this.#findOrder(from, last, requeue);
    if (how === 'ack') this.held.take(from, last, SETTLEMENT, this.#acked);
    else
      this.held.take(from, last, SETTLEMENT, (stretch) => {
        // a stream keeps its messages and brings none again
        if (requeue && (stretch.marks & STREAM_READ) === 0) this.#requeued(stretch, how);
        else this.#rejected(stretch, how);
      });
  }

  /** Whether what is settled now shows how long its handler took. */
  #findOrder(from: number, to: number, requeue: boolean): boolean {
    const first = this.held.first(SETTLEMENT);
    if (from > first) this.#handlerTime.overtook(this.#now);
    else if (requeue || (from === 0 && to !== first)) this.#handlerTime.passed(this.#now);
    else return true;
    return false;
  }

  #handled({ route, first, count, time }: Stretch<DeliveryTally>): void {
    // those that were just taken are not open any more
    const held = this.held.awaiting + count;
    this.#handlerTime.settled(first, count, time, held, this.#now, route.tally);
  }

  /** basic.qos: so many deliveries may be open, 0 for any number. */
  prefetches(count: number): void {
    this.#handlerTime.prefetch = count;
  }

  /** The app sends basic.recover; `recover` follows with its answer. */
  recovers(): void {
    this.#tags.recovers(this.#lastTag);
  }

  /** basic.recover: all that is unsettled goes back to its queue, but for what the app has settled and not yet committed. */
  recover(now: number): void {
    this.#now = now;
    this.#requeueUnsettled('recover', () => true);
    if (this.#transaction?.isEmpty !== false) this.#tags.recovered();
  }

  /**
   * The broker cancelled a consumer: what it had not settled goes back to its queue. The broker takes settlements of
   * these tags all the same.
   */
  cancelled(consumer: number, now: number): void {
    this.#now = now;
    this.#requeueUnsettled(
      'consumer_cancelled',
      (marks) => (marks & CONSUMER) === consumer,
      ({ first, count }) => this.#tags.unfollowed(first, count),
    );
  }

  #requeueUnsettled(
    reason: RequeueReason,
    fits: (marks: number) => boolean,
    also: (stretch: Stretch<DeliveryTally>) => void = () => {},
  ): void {
    const requeue = (stretch: Stretch<DeliveryTally>): void => {
      also(stretch);
      this.#requeued(stretch, reason);
    };
    if (this.#transaction === undefined || this.#transaction.isEmpty) {
      this.held.takeMarked(fits, SETTLEMENT, requeue);
      return;
    }
    const settled = this.#transaction.settledTags();
    const tags = Array.from(this.held, ({ awaits, first, marks }) =>
      awaits === SETTLEMENT && fits(marks) ? first : -1,
    );
    for (const tag of tags) {
      if (tag >= 0 && !settled.includes(tag) && !this.#tags.isUncommitted(tag))
        this.held.take(tag, tag, SETTLEMENT, requeue);
    }
  }

  /** The broker closed the channel for something that the app sent, and not at a settlement: it may not have read the last ones. */
  crossed(now: number): void {
    this.#lately.crossed(now);
  }

  /** The channel or connection ended: all that is unsettled goes back to its queue, and so does what waits for a commit. */
  requeueAll(reason: RequeueReason, now: number): void {
    this.#now = now;
    this.#waiting = undefined;
    this.#transaction?.clear();
    this.held.take(0, ALL, SETTLEMENT, (stretch) => this.#requeued(stretch, reason));
  }

  #requeued(stretch: Stretch<DeliveryTally>, reason: RequeueReason): void {
    if ((stretch.marks & (AT_LIMIT | AT_DEFAULT_LIMIT)) !== 0 && this.#countsDelivery(reason)) {
      this.#overLimit(stretch, reason);
      return;
    }
    this.#settled(stretch);
    if (LEAVES.has(reason)) stretch.route.watermark.wentBack(stretch.stamp);
    // what was not settled stays in a stream, as what was
    const isStreamRead = (stretch.marks & STREAM_READ) !== 0;
    if (!isStreamRead) {
      stretch.route.tally.requeued(reason, stretch.count);
    }
    const outcome = isStreamRead ? 'unknown' : 'requeued';
    const told = this.#teller.ended(stretch, { settlement: reason, outcome, reason, bits: 0 }, this.#now);
    if (!isStreamRead) this.#correlation.roundEnded(this.held, stretch, this.#now, told, reason);
  }

  #countsDelivery(reason: RequeueReason): boolean {
    return reason === 'nack' ? this.#nackCounts : reason !== 'consumer_cancelled';
  }

  /** A queue that has delivered a message as often as it may does not take it back. */
  #overLimit(stretch: Stretch<DeliveryTally>, settlement: RequeueReason): void {
    if ((stretch.marks & AT_LIMIT) !== 0 || this.#goesOn(stretch)) {
      this.#failed(stretch, settlement, 'delivery_limit');
      return;
    }
    this.#settled(stretch);
    stretch.route.tally.unknown('delivery_limit', stretch.count);
    this.#teller.ended(stretch, { settlement, outcome: 'unknown', reason: 'delivery_limit', bits: 0 }, this.#now);
  }

  #rejected(stretch: Stretch<DeliveryTally>, settlement: 'reject' | 'nack'): void {
    if (this.#isInOrder) this.#handled(stretch);
    this.#sent(stretch);
    this.#failed(stretch, settlement, 'rejected');
  }

  /** It counts because the app sent its settlement, and not because the broker committed it. */
  #sent({ route, count }: Stretch<DeliveryTally>): void {
    if (this.#transaction === undefined) this.#lately.add(route.tally, count, this.#now);
  }

  /** A message that the app does not want is not lost: a stream keeps it, or its queue is known to dead-letter. */
  #goesOn({ route, marks }: Stretch<DeliveryTally>): boolean {
    return (
      (marks & STREAM_READ) !== 0 ||
      route.treatment.deadLetters ||
      this.#plane.facts.queues.deadLetters(this.#vhost, route.queue)
    );
  }

  #failed(stretch: Stretch<DeliveryTally>, settlement: Ending['settlement'], reason: LossReason): void {
    this.#settled(stretch);
    const { tally, hop } = stretch.route;
    const seconds = (this.#now - stretch.time) / 1000;
    const lost = !this.#goesOn(stretch);
    // whether its queue dead-letters it is not always known before it comes again
    if ((stretch.marks & STREAM_READ) === 0) this.#correlation.roundEnded(this.held, stretch, this.#now, stretch.count);
    const ending = { settlement, outcome: 'failed', reason, bits: lost ? LOST : 0 } as const;
    this.#teller.failed(stretch, ending, this.#now, () => {
      tally.failed(reason, seconds, lost);
      if (lost) hop.lost();
    });
  }

  #settled(stretch: Stretch<DeliveryTally>): void {
    stretch.route.tally.unsettled(-stretch.count);
    const { causes } = this.#correlation;
    causes.handling.settled(stretch.count, stretch.route.queue, this.#now);
    const names = stretch.detail?.more ?? stretch.remembered;
    if (names !== undefined) causes.settled(names);
  }
}
