import type { ContentHeader } from '../../amqp/content.ts';
import { readU64 } from '../../amqp/fields.ts';
import { valueText } from '../../amqp/value-text.ts';
import { HAS_PARENT, NOTHING_MORE, REDELIVERED, SAMPLED, TRACED } from '../../events/passage.ts';
import { IDS, type Remembered } from '../open-messages/run.ts';
import { moreOf, type SpanDetail, withRound } from '../open-messages/span-detail.ts';
import type { Correlation } from '../plane/correlation.ts';
import type { Plane, Scope } from '../plane/plane.ts';
import { SENT, X_DEATH, X_DELAY } from '../ports/interceptor.ts';
import { deathOfStamp } from '../publishing/sent-stamp.ts';
import { diedSince, digestOf, readDeaths } from '../routing/deaths.ts';
import { AT_DEFAULT_LIMIT, AT_LIMIT, STREAM_READ } from './delivery-marks.ts';
import type { DeliveryRun } from './delivery-run.ts';
import { isOver } from './slow-message.ts';

/**
 * Anybody who publishes past a Tracehare can write any stamp, and one from 1970 would ruin the sum of a histogram
 * for good. Messages do wait in queues for days, and hosts without NTP are off by minutes; nothing real is
 * further away than this.
 */
const OLDEST_STAMP_S = 30 * 24 * 3600;
const MOST_SKEW_S = 3600;
/** What is remembered of the first delivery of a message, but for its names. */
const FIRST = { attempt: 1, firstPublished: 0, queuedAt: 0, isTold: false, earlier: [] };
/** How often a quorum queue has delivered the message before; not there the first time. */
const DELIVERY_COUNT = Buffer.from('x-delivery-count');

/**
 * Reads what the content header of the delivery at hand says, and adds the message to its run. It works on the plane's
 * header, which was just read for it, and on one message after the other: never on two at a time.
 */
export class DeliveryReading {
  readonly #plane: Plane;
  readonly #correlation: Correlation;
  /** of quorum queues that declare none, by what the broker is */
  defaultDeliveryLimit = Number.POSITIVE_INFINITY;
  // of the message at hand
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
    const isStamped = header.value(SENT) >= 0;
    const stamp = header.integer(SENT);
    const isStreamRead = !redelivered && !run.get && source.readsStream(header);
    if (isStreamRead) this.#marks = STREAM_READ;
    // from a stream, only what is published while it is read comes at once
    const isFresh = isStreamRead ? source.advances(header, stamp) : !redelivered;
    this.#refused = 0;
    this.#refusedFrom = source.queue;
    const hasDied = header.value(X_DEATH) >= 0 && this.#hasDied(header, run, scope, isStamped, stamp, isFresh);
    if (isFresh && isStamped && !hasDied) {
      this.#isFirst = !isStreamRead;
      this.#latency = this.#since(stamp, now);
    }
    if (isStamped && !hasDied && !isStreamRead && this.#isPlausible(stamp, now)) this.#stamp = stamp;
    if (isFresh && !hasDied && header.value(X_DELAY) >= 0) this.#delay = delayOf(header);
    // on first deliveries the header is the publisher's own
    const isAgain = !isStreamRead && (redelivered || hasDied);
    const deliveries = redelivered ? this.#deliveriesBefore(scope.vhost, source.queue, header) : 0;
    context.ids = run.ids;
    context.at = run.count * IDS;
    context.traced = false;
    context.ratio = route.treatment.sample;
    if (middleware !== undefined) middleware.onDeliver(header, route, scope, context, redelivered);
    // what answers it belongs to its trace, sampled or not
    const isRequest = header.has('replyTo');
    // a slow one may be kept for it
    const mayPass =
      source.noAck && !isRequest && !isAgain && !isOver(this.#latency, route, this.#plane.options.slowAfter);
    interceptor.onDeliver(header, context, mayPass, now);
    if (isAgain) this.#isAgain(run, deliveries, redelivered, stamp, now);
    if (context.traced) {
      this.#passageBits |= TRACED | (context.hasParent ? HAS_PARENT : 0) | (context.sampled ? SAMPLED : 0);
      if (context.sampled) this.#detail = this.#detailOf(header, run, context.hasParent && context.isW3c, stamp, now);
      if (isRequest) this.#correlation.isAsked(now);
    }
    const mayAnswer = header.has('correlationId') || source.isDirectReply;
    if (mayAnswer && !redelivered) this.#correlation.gets(source.address, route, now);
    if (this.#detail !== undefined || this.#remembered !== undefined) return;
    if (header.isCorrelated && this.#correlation.causes.comparesNames) {
      const [correlationId, messageId] = [header.property('correlationId'), header.property('messageId')];
      this.#remembered = { ...FIRST, correlationId, messageId };
    }
  }

  /** The message was delivered before, or died: which attempt it is now. */
  #isAgain(run: DeliveryRun, deliveries: number, redelivered: boolean, stamp: number, now: number): void {
    const firstPublished = Number.isNaN(this.#age(stamp, now)) ? 0 : stamp;
    const told = 1 + this.#refused + deliveries;
    const round = this.#correlation.round(this.#refusedFrom, this.#refused, told, redelivered, firstPublished);
    this.#remembered = round;
    const { poison } = this.#plane.options;
    if (round.attempt > poison) this.#correlation.isPoisonous(run.route, this.#refusedFrom, round, now);
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
    const at = header.find(DELIVERY_COUNT);
    // l, a 64-bit integer
    if (at < 0 || header.buf[at] !== 0x6c) return 0;
    const count = readU64(header.buf, at + 1);
    const limit = this.#plane.facts.deliveryLimit(vhost, queue);
    if (limit !== undefined) this.#marks |= count >= limit ? AT_LIMIT : 0;
    else if (count >= this.defaultDeliveryLimit) this.#marks |= AT_DEFAULT_LIMIT;
    return count;
  }

  /** Seconds from a stamp until now; NaN when the stamp can't be believed. */
  #age(stamp: number, now: number): number {
    const seconds = (this.#plane.clock.micros(now) - stamp) / 1e6;
    return seconds >= 0 && seconds <= OLDEST_STAMP_S ? seconds : Number.NaN;
  }

  /** Whether a stamp can be believed. A latency tells of most. */
  #isPlausible(stamp: number, now: number): boolean {
    if (!Number.isNaN(this.#latency)) return true;
    const seconds = (this.#plane.clock.micros(now) - stamp) / 1e6;
    return seconds >= -MOST_SKEW_S && seconds <= OLDEST_STAMP_S;
  }

  /** The same as its age, with the cause counted. */
  #since(stamp: number, now: number): number {
    const age = this.#age(stamp, now);
    if (!Number.isNaN(age)) return age;
    const { clock, observer } = this.#plane;
    const seconds = (clock.micros(now) - stamp) / 1e6;
    if (seconds < 0 && seconds >= -MOST_SKEW_S) observer.traffic.negativeLatency(-seconds, now);
    else if (Number.isNaN(seconds)) observer.traffic.implausibleStamp('unreadable');
    else observer.traffic.implausibleStamp(seconds < 0 ? 'future' : 'past');
    return Number.NaN;
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
    stamp: number,
    isFresh: boolean,
  ): boolean {
    const plane = this.#plane;
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

  #detailOf(
    header: ContentHeader,
    { source, fault }: DeliveryRun,
    hasState: boolean,
    stamp: number,
    now: number,
  ): SpanDetail {
    const { plain } = source;
    const { clock, options } = this.#plane;
    let more = moreOf(header, hasState, fault, options);
    if (this.#remembered !== undefined) more = withRound(more, this.#remembered);
    if (!Number.isNaN(this.#delay) && this.#isPlausible(stamp, now)) {
      const delayActual = (clock.micros(now) - stamp) / 1e6;
      const delayPlanned = plannedDelay(this.#delay, delayActual);
      if (!Number.isNaN(delayPlanned)) more = { ...more, delayPlanned, delayActual };
    }
    const deadLetterQueue = this.#deadLetterQueue;
    if (deadLetterQueue === '') return more === NOTHING_MORE ? plain : { ...plain, more };
    return { ...plain, more: { ...more, deadLetterQueue, deadLetterReason: this.#deadLetterReason } };
  }
}

/** What the plugin for delayed messages was asked for, ms; of version 4 on it gives that back as a negative number. */
const delayOf = (header: ContentHeader): number => Number(valueText(header.buf, header.value(X_DELAY)));

/**
 * The delay that was asked for, if one was. A negative number from an app, who may have got it with another message, delays
 * nothing; clocks of two hosts may disagree, but not by as much as a delay.
 */
function plannedDelay(delay: number, actual: number): number {
  if (delay > 0) return delay / 1000;
  return actual * 2000 >= -delay && delay < 0 ? -delay / 1000 : Number.NaN;
}
