import { viewOf } from '../../amqp/bytes.ts';
import type { ContentHeader } from '../../amqp/content.ts';
import { readTable, readU32, readU64, skipValue } from '../../amqp/fields.ts';
import { HAS_PARENT, NOTHING_MORE, REDELIVERED, SAMPLED, TRACED } from '../../events/passage.ts';
import { IDS } from '../open-messages/run.ts';
import { moreOf, type SpanDetail } from '../open-messages/span-detail.ts';
import type { Plane, Scope } from '../plane/plane.ts';
import { SENT, X_DEATH } from '../ports/interceptor.ts';
import { AT_DEFAULT_LIMIT, AT_LIMIT } from './delivery-marks.ts';
import type { DeliveryRun } from './delivery-run.ts';

/**
 * Anybody who publishes past a Tracehare can write any stamp, and one from 1970 would ruin the sum of a histogram
 * for good. Messages do wait in queues for days, and hosts without NTP are off by minutes; nothing real is
 * further away than this.
 */
const OLDEST_STAMP_S = 30 * 24 * 3600;
const MOST_SKEW_S = 3600;
/** How often a quorum queue has delivered the message before; not there the first time. */
const DELIVERY_COUNT = Buffer.from('x-delivery-count');

/**
 * What the content header of the delivery at hand says, and what its run has to remember of that. One a thread: it is
 * asked for one message after the other. The header is the plane's, just read.
 */
export class DeliveryReading {
  readonly #plane: Plane;
  /** of quorum queues that declare none, by what the broker is */
  defaultDeliveryLimit = Number.POSITIVE_INFINITY;
  // of the message at hand
  #passageBits = 0;
  #isFirst = false;
  #latency = Number.NaN;
  #detail: SpanDetail | undefined;
  #deadLetterQueue = '';
  #deadLetterReason = '';
  /** AT_LIMIT, AT_DEFAULT_LIMIT */
  #limit = 0;

  constructor(plane: Plane) {
    this.#plane = plane;
  }

  /** Of a message from `run.source`, which goes to the app at `now`, ms of the monotonic clock. `join` follows. */
  read(run: DeliveryRun, scope: Scope, redelivered: boolean, now: number): void {
    const { header, context, interceptor, middleware } = this.#plane;
    const { source, route } = run;
    this.#begin(redelivered);
    if (header.value(X_DEATH) >= 0) this.#readDeath(header, scope);
    else if (!redelivered && header.value(SENT) >= 0) {
      this.#isFirst = true;
      this.#latency = this.#since(header.integer(SENT), now);
    }
    // on first deliveries the header is the publisher's own
    if (redelivered) this.#limit = this.#limitReached(scope.vhost, source.queue, header);
    context.ids = run.ids;
    context.at = run.count * IDS;
    context.traced = false;
    context.ratio = route.treatment.sample;
    if (middleware !== undefined) middleware.onDeliver(header, route, scope, context, redelivered);
    interceptor.onDeliver(header, context, source.noAck, now);
    if (!context.traced) return;
    this.#passageBits |= TRACED | (context.hasParent ? HAS_PARENT : 0) | (context.sampled ? SAMPLED : 0);
    if (context.sampled) this.#detail = this.#detailOf(header, run, context.hasParent);
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
      run.marks = run.source.number | this.#limit;
      run.redelivered = (this.#passageBits & REDELIVERED) !== 0;
      run.passageBits = this.#passageBits;
      run.isFirst = this.#isFirst;
      run.latency = this.#latency;
      run.detail = this.#detail;
      run.deadLetterQueue = this.#deadLetterQueue;
      run.deadLetterReason = this.#deadLetterReason;
    }
    run.add(size);
  }

  #goesOn(run: DeliveryRun, tag: number): boolean {
    return (
      run.tag + run.count === tag &&
      run.passageBits === this.#passageBits &&
      run.marks === (run.source.number | this.#limit) &&
      run.isFirst === this.#isFirst &&
      run.detail === this.#detail &&
      run.deadLetterQueue === this.#deadLetterQueue &&
      run.deadLetterReason === this.#deadLetterReason &&
      // messages that were published together have one stamp
      Object.is(run.latency, this.#latency)
    );
  }

  #begin(redelivered: boolean): void {
    this.#passageBits = redelivered ? REDELIVERED : 0;
    this.#isFirst = false;
    this.#limit = 0;
    this.#latency = Number.NaN;
    this.#detail = undefined;
    this.#deadLetterQueue = this.#deadLetterReason = '';
  }

  /** What a requeue will mean to the message, which a quorum queue has delivered before. */
  #limitReached(vhost: string, queue: string, header: ContentHeader): number {
    const at = header.find(DELIVERY_COUNT);
    // l, a 64-bit integer
    if (at < 0 || header.buf[at] !== 0x6c) return 0;
    const count = readU64(header.buf, at + 1);
    const limit = this.#plane.deliveryLimit(vhost, queue);
    if (limit !== undefined) return count >= limit ? AT_LIMIT : 0;
    return count >= this.defaultDeliveryLimit ? AT_DEFAULT_LIMIT : 0;
  }

  /** Seconds from a stamp until now. NaN, with the cause counted, when the stamp can't be believed. */
  #since(stamp: number, now: number): number {
    const { clock, observer } = this.#plane;
    const seconds = (clock.micros(now) - stamp) / 1e6;
    if (seconds >= 0 && seconds <= OLDEST_STAMP_S) return seconds;
    if (seconds < 0 && seconds >= -MOST_SKEW_S) observer.traffic.negativeLatency(-seconds, now);
    else if (Number.isNaN(seconds)) observer.traffic.implausibleStamp('unreadable');
    else observer.traffic.implausibleStamp(seconds < 0 ? 'future' : 'past');
    return Number.NaN;
  }

  /** The newest entry of x-death; queues it names do dead-letter. */
  #readDeath(header: ContentHeader, { vhost }: Scope): void {
    const { buf } = header;
    const at = header.value(X_DEATH);
    // an array (A) of tables (F)
    if (buf[at] !== 0x41) return;
    const end = at + 5 + readU32(buf, at + 1);
    const view = viewOf(buf);
    for (let p = at + 5, first = true; p < end && buf[p] === 0x46; first = false) {
      const next = skipValue(view, p, end);
      if (next < 0) return;
      const { queue, reason } = readTable(buf, p + 1, next);
      if (typeof queue === 'string') {
        this.#plane.noteDeadLettering(vhost, queue);
        if (first) {
          this.#deadLetterQueue = queue;
          this.#deadLetterReason = typeof reason === 'string' ? reason : '';
        }
      }
      p = next;
    }
  }

  #detailOf(header: ContentHeader, { source, fault }: DeliveryRun, hasParent: boolean): SpanDetail {
    const { plain } = source;
    const more = moreOf(header, hasParent, fault);
    const deadLetterQueue = this.#deadLetterQueue;
    if (deadLetterQueue === '') return more === NOTHING_MORE ? plain : { ...plain, more };
    return { ...plain, more: { ...more, deadLetterQueue, deadLetterReason: this.#deadLetterReason } };
  }
}
