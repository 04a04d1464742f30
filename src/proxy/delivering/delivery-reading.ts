import type { ContentHeader } from '../../amqp/content.ts';
import { viewU64 } from '../../amqp/fields.ts';
import { HAS_PARENT, NOTHING_MORE, REDELIVERED, SAMPLED, TRACED } from '../../events/passage.ts';
import { IDS, type Remembered } from '../open-messages/run.ts';
import { moreOf, type SpanDetail, withRound } from '../open-messages/span-detail.ts';
import type { Correlation } from '../plane/correlation.ts';
import type { Plane, Scope } from '../plane/plane.ts';
import { SENT, TRACEPARENT, TRACESTATE, X_DEATH, X_DELAY } from '../ports/interceptor.ts';
import { deathOfStamp } from '../publishing/sent-stamp.ts';
import { diedSince, digestOf, readDeaths } from '../routing/deaths.ts';
import { delayOf, deliveryCount, plannedDelay } from './broker-headers.ts';
import { AT_DEFAULT_LIMIT, AT_LIMIT, STREAM_READ } from './delivery-marks.ts';
import type { DeliveryRun } from './delivery-run.ts';
import { isOver } from './slow-message.ts';
import { isAhead, isBelievable } from './stamp-age.ts';

/** What is remembered of the first delivery of a message, but for its names. */
const FIRST = { attempt: 1, firstPublished: 0, queuedAt: 0, isTold: false, earlier: [] };
/** Messages that have no other observed headers differ in nothing that `read` looks at but their stamps and contexts. */
const USUAL = (1 << TRACEPARENT) | (1 << TRACESTATE) | (1 << SENT);

/**
 * Reads what the content header of the delivery at hand says, and adds the message to its run. It works on the plane's
 * header, which was just read for it, and on one message after the other: never on two at a time.
 * One file because all it finds in a header is kept in its own fields until the message joins its run.
 */
export class DeliveryReading {
  readonly #plane: Plane;
  readonly #correlation: Correlation;
  /** of quorum queues that declare none, by what the broker is */
  defaultDeliveryLimit = Number.POSITIVE_INFINITY;
  // of the message at hand. Numbers are fields: one that is handed on is boxed where V8 does not inline the call
  #now = Number.NaN;
  /** x-tracehare-sent, NaN without one */
  #sent = Number.NaN;
  #passageBits = 0;
  #isFirst = false;
  /** of delivery-marks.ts, besides its consumer */
  #marks = 0;
  #latency = Number.NaN;
  /** when it came into its queue, microseconds since the epoch; NaN: not known */
  #stamp = Number.NaN;
  #detail: SpanDetail | undefined;
  #remembered: Remembered | undefined;
  /** how often a consumer refused it before, as its x-death says, and out of which queue the last time */
  #refused = 0;
  #refusedFrom = '';
  #deadLetterQueue = '';
  #deadLetterReason = '';
  #isPersistent = true;
  /** ms that it was to be kept back, since its stamp; NaN: it was not */
  #delay = Number.NaN;
  /** a first delivery that has nothing but a stamp, a context and a name: one that is like it says the same */
  #isUsual = false;

  constructor(plane: Plane, correlation: Correlation) {
    this.#plane = plane;
    this.#correlation = correlation;
  }

  /** Of a message from `run.source`, which goes to the app at `now`, ms of the monotonic clock. `join` follows. */
  read(run: DeliveryRun, scope: Scope, redelivered: boolean, now: number): void {
    const { header, context, interceptor, middleware } = this.#plane;
    const { source, route } = run;
    this.#begin(redelivered);
    this.#isPersistent = header.isPersistent;
    this.#now = now;
    const isStamped = header.value(SENT) >= 0;
    this.#sent = header.integer(SENT);
    const isStreamRead = !redelivered && !run.get && source.readsStream(header);
    if (isStreamRead) this.#marks = STREAM_READ;
    // from a stream, only what is published while it is read comes at once
    const isFresh = isStreamRead ? source.advances(header, this.#sent) : !redelivered;
    this.#refused = 0;
    this.#refusedFrom = source.queue;
    const hasDied = header.value(X_DEATH) >= 0 && this.#hasDied(header, run, scope, isStamped, isFresh);
    if (isFresh && isStamped && !hasDied) {
      this.#isFirst = !isStreamRead;
      this.#readLatency();
    }
    if (isStamped && !hasDied && !isStreamRead && this.#isPlausible()) this.#stamp = this.#sent;
    if (isFresh && !hasDied && header.value(X_DELAY) >= 0) this.#delay = delayOf(header);
    // on first deliveries the header is the publisher's own
    const isAgain = !isStreamRead && (redelivered || hasDied);
    const deliveries = redelivered ? this.#deliveriesBefore(scope.vhost, source.queue, header) : 0;
    this.#prepare(run);
    if (middleware !== undefined) middleware.onDeliver(header, route, scope, context, redelivered);
    // what answers it belongs to its trace, sampled or not
    const isRequest = header.has('replyTo');
    // a slow one may be kept for it
    const mayPass =
      source.noAck && !isRequest && !isAgain && !isOver(this.#latency, route, this.#plane.options.slowAfter);
    interceptor.onDeliver(header, context, mayPass, now);
    if (isAgain) this.#isAgain(run, deliveries, redelivered);
    if (context.traced) {
      this.#traced(run);
      if (isRequest) this.#correlation.isAsked(now);
    }
    const mayAnswer = header.has('correlationId') || source.isDirectReply;
    if (mayAnswer && !redelivered) this.#correlation.gets(source.address, route, now);
    this.#isUsual =
      this.#isFirst &&
      !Number.isNaN(this.#latency) &&
      middleware === undefined &&
      header.among(~USUAL) === 0 &&
      !isRequest &&
      !mayAnswer;
    if (this.#detail !== undefined || this.#remembered !== undefined) return;
    if (header.isCorrelated && this.#correlation.causes.comparesNames) {
      const [correlationId, messageId] = [header.property('correlationId'), header.property('messageId')];
      this.#remembered = { ...FIRST, correlationId, messageId };
    }
  }

  /**
   * `read` and `join`, for a message whose tag stands in `view`, if it says the same as the one before it in the same
   * chunk but for its context. Most do: what was published together has one stamp. False: nothing was done.
   */
  joinLike(run: DeliveryRun, view: DataView, tagAt: number, now: number, full: (run: DeliveryRun) => void): boolean {
    const { header, context, interceptor, options } = this.#plane;
    const { source, route } = run;
    if (!header.isLike || !this.#isUsual || source.isDirectReply) return false;
    if (source.readsStream(header) || (header.has('messageId') && this.#correlation.causes.comparesNames)) return false;
    if (!header.repeatsInteger(SENT) || header.isPersistent !== this.#isPersistent) return false;
    this.#prepare(run);
    this.#passageBits = 0;
    this.#detail = undefined;
    interceptor.onDeliver(header, context, source.noAck && !isOver(this.#latency, route, options.slowAfter), now);
    if (context.traced) this.#traced(run);
    const tag = viewU64(view, tagAt);
    const goesOn = run.count > 0 && run.tag + run.count === tag && run.passageBits === this.#passageBits;
    if (goesOn && run.detail === this.#detail) run.add(header.bodySize);
    else this.join(run, tag, header.bodySize, full);
    return true;
  }

  #prepare({ ids, count, route }: DeliveryRun): void {
    const { context } = this.#plane;
    context.ids = ids;
    context.at = count * IDS;
    context.traced = false;
    context.ratio = route.treatment.sample;
  }

  /** The interceptor has found or made a context. */
  #traced(run: DeliveryRun): void {
    const { header, context } = this.#plane;
    const { hasParent, isW3c, sampled } = context;
    this.#passageBits |= TRACED | (hasParent ? HAS_PARENT : 0) | (sampled ? SAMPLED : 0);
    if (sampled) this.#detail = this.#detailOf(header, run, hasParent && isW3c);
  }

  /** The message was delivered before, or died: which attempt it is now. */
  #isAgain(run: DeliveryRun, deliveries: number, redelivered: boolean): void {
    const firstPublished = isBelievable(this.#age()) ? this.#sent : 0;
    const told = 1 + this.#refused + deliveries;
    const round = this.#correlation.round(this.#refusedFrom, this.#refused, told, redelivered, firstPublished);
    this.#remembered = round;
    const { poison } = this.#plane.options;
    if (round.attempt > poison) this.#correlation.isPoisonous(run.route, this.#refusedFrom, round, this.#now);
  }

  /** Its header could not be read. `join` follows. */
  none(redelivered: boolean): void {
    this.#begin(redelivered);
  }

  /**
   * The message at hand, with its delivery tag and so many bytes in its body, is one more of `run`. `full` is told of
   * the run first if that holds others that differ from it.
   */
  join(run: DeliveryRun, tag: number, size: number, full: (run: DeliveryRun) => void): void {
    if (run.count > 0 && !this.#goesOn(run, tag)) {
      const at = run.count * IDS;
      full(run);
      run.clear();
      run.ids.copyWithin(0, at, at + IDS);
    }
    if (run.count === 0) {
      run.tag = tag;
      run.redelivered = (this.#passageBits & REDELIVERED) !== 0;
      run.passageBits = this.#passageBits;
      run.isFirst = this.#isFirst;
      run.marks = run.source.number | this.#marks;
      run.latency = this.#latency;
      run.stamp = this.#stamp;
      run.isPersistent = this.#isPersistent;
      run.detail = this.#detail;
      run.remembered = this.#remembered;
      run.deadLetterQueue = this.#deadLetterQueue;
      run.deadLetterReason = this.#deadLetterReason;
    }
    run.add(size);
  }

  #goesOn(run: DeliveryRun, tag: number): boolean {
    return (
      run.tag + run.count === tag &&
      run.passageBits === this.#passageBits &&
      run.isFirst === this.#isFirst &&
      run.marks === (run.source.number | this.#marks) &&
      run.detail === this.#detail &&
      run.remembered === this.#remembered &&
      run.deadLetterQueue === this.#deadLetterQueue &&
      run.deadLetterReason === this.#deadLetterReason &&
      // messages that were published together have one stamp
      Object.is(run.latency, this.#latency) &&
      (!Number.isNaN(run.latency) || Object.is(run.stamp, this.#stamp))
    );
  }

  #begin(redelivered: boolean): void {
    this.#passageBits = redelivered ? REDELIVERED : 0;
    this.#isFirst = false;
    this.#marks = 0;
    this.#latency = this.#stamp = Number.NaN;
    this.#detail = this.#remembered = undefined;
    this.#deadLetterQueue = this.#deadLetterReason = '';
    this.#isPersistent = true;
    this.#delay = Number.NaN;
  }

  /** How often a quorum queue has delivered the message before, as it says; and what a requeue will mean to that. */
  #deliveriesBefore(vhost: string, queue: string, header: ContentHeader): number {
    const count = deliveryCount(header);
    if (count < 0) return 0;
    const limit = this.#plane.facts.deliveryLimit(vhost, queue);
    if (limit !== undefined) this.#marks |= count >= limit ? AT_LIMIT : 0;
    else if (count >= this.defaultDeliveryLimit) this.#marks |= AT_DEFAULT_LIMIT;
    return count;
  }

  /** Seconds since its stamp. */
  #age(): number {
    return (this.#plane.clock.micros(this.#now) - this.#sent) / 1e6;
  }

  /** Whether its stamp can be believed. A latency tells of most. */
  #isPlausible(): boolean {
    if (!Number.isNaN(this.#latency)) return true;
    const age = this.#age();
    return isBelievable(age) || isAhead(age);
  }

  /** How long it took, as its stamp says; one that can't be believed is counted. */
  #readLatency(): void {
    const seconds = this.#age();
    if (isBelievable(seconds)) {
      this.#latency = seconds;
      return;
    }
    const { traffic } = this.#plane.observer;
    if (isAhead(seconds)) traffic.negativeLatency(-seconds, this.#now);
    else if (Number.isNaN(seconds)) traffic.implausibleStamp('unreadable');
    else traffic.implausibleStamp(seconds < 0 ? 'future' : 'past');
  }

  /**
   * Whether the message, which has an x-death, died since it was published: an app that publishes what it got copies
   * the old one along. A queue that dead-letters shows by it, but for messages that were read before.
   */
  #hasDied(
    header: ContentHeader,
    { route }: DeliveryRun,
    { vhost }: Scope,
    isStamped: boolean,
    isFresh: boolean,
  ): boolean {
    const plane = this.#plane;
    const stamp = this.#sent;
    const deaths = readDeaths(header);
    if (!Number.isNaN(stamp) && !diedSince(stamp, deathOfStamp(stamp), deaths, digestOf(deaths, route))) return false;
    const { queue, reason, time } = deaths;
    this.#refused = deaths.refused;
    if (deaths.refusedFrom !== '') this.#refusedFrom = deaths.refusedFrom;
    if (queue === '') return true;
    this.#deadLetterQueue = queue;
    this.#deadLetterReason = reason;
    // in later rounds nobody knows when it came into the queue
    if (isFresh && reason === 'expired' && deaths.count === 1)
      this.#delay = Number.isNaN(deaths.expiration)
        ? (plane.facts.queues.ttl(vhost, queue) ?? Number.NaN)
        : deaths.expiration;
    const diedAfter = Math.max(time > 0 ? time * 1e6 : Number.NEGATIVE_INFINITY, Number.isNaN(stamp) ? 0 : stamp);
    if ((isFresh || this.#marks !== STREAM_READ) && plane.facts.queues.teaches(vhost, queue, diedAfter, isStamped)) {
      plane.facts.noteQueue({ kind: 'queue dead-letters', name: `${vhost}\0${queue}`, exchange: route.exchange });
    }
    return true;
  }

  #detailOf(header: ContentHeader, { source, fault }: DeliveryRun, hasState: boolean): SpanDetail {
    const { plain } = source;
    let more = moreOf(header, hasState, fault, this.#plane.options);
    if (this.#remembered !== undefined) more = withRound(more, this.#remembered);
    const delayActual = Number.isNaN(this.#delay) ? Number.NaN : this.#age();
    if (isBelievable(delayActual)) {
      const delayPlanned = plannedDelay(this.#delay, delayActual);
      if (!Number.isNaN(delayPlanned)) more = { ...more, delayPlanned, delayActual };
    }
    const deadLetterQueue = this.#deadLetterQueue;
    if (deadLetterQueue === '') return more === NOTHING_MORE ? plain : { ...plain, more };
    return { ...plain, more: { ...more, deadLetterQueue, deadLetterReason: this.#deadLetterReason } };
  }
}
