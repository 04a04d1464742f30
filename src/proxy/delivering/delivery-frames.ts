import { viewOf } from '../../amqp/bytes.ts';
import type { ContentHeader } from '../../amqp/content.ts';
import { MalformedError, readTable, readU32, readU64, skipValue, text } from '../../amqp/fields.ts';
import { FRAME_HEAD } from '../../amqp/spec.ts';
import { HAS_PARENT, NOTHING_MORE, REDELIVERED, SAMPLED, TRACED } from '../../events/passage.ts';
import { moreOf } from '../open-messages/span-detail.ts';
import { type Detail, IDS } from '../open-messages/window.ts';
import type { Plane, Scope } from '../plane/plane.ts';
import { SENT, X_DEATH } from '../ports/interceptor.ts';
import type { DeliveryTally } from '../ports/observer.ts';
import type { Fault } from '../ports/verdict.ts';
import { type Route, same } from '../routing/routes.ts';
import type { Consumer, Delivering } from './delivery-tracker.ts';

const PLAIN_GET: Detail = { via: 'get', consumerTag: '', more: NOTHING_MORE };

/** behind class and method id */
const ARGUMENTS = FRAME_HEAD + 4;

/**
 * Anybody who publishes past a Tracehare can write any stamp, and one from 1970 would ruin the sum of a histogram
 * for good. Messages do wait in queues for days, and hosts without NTP are off by minutes; nothing real is
 * further away than this.
 */
const OLDEST_STAMP_S = 30 * 24 * 3600;
const MOST_SKEW_S = 3600;

/** Follows the frames of one delivery or get-ok at a time, to its last body byte. */
export class DeliveryContent {
  readonly #plane: Plane;
  readonly #scope: Scope;
  readonly #delivery: Delivering;
  #consumer: Consumer | undefined;
  #first = false;
  #deadLetterQueue = '';
  #deadLetterReason = '';
  /** body bytes still to come; -1: the header is; -2: none is at hand */
  #remaining = -2;

  constructor(plane: Plane, scope: Scope) {
    this.#plane = plane;
    this.#scope = scope;
    this.#delivery = {
      route: undefined as unknown as Route<DeliveryTally>,
      time: 0,
      size: 0,
      detail: undefined,
      tag: 0,
      noAck: false,
      redelivered: false,
      get: false,
      bits: 0,
      ids: new Uint32Array(IDS),
      idsAt: 0,
      latency: Number.NaN,
      fault: '',
    };
  }

  /** A basic.deliver frame to one of `consumers`, by tag. Throws MalformedError. */
  deliver(buf: Uint8Array, start: number, end: number, now: number, consumers: ReadonlyMap<string, Consumer>): void {
    this.#remaining = -2;
    const tag = start + ARGUMENTS + 1;
    const tagEnd = tag + buf[tag - 1];
    if (!(tagEnd < end)) throw new MalformedError('basic.deliver');
    const consumer = this.consumer(buf, tag, tagEnd, consumers);
    if (consumer === undefined) throw new MalformedError('basic.deliver: unknown consumer tag');
    this.#delivery.get = false;
    this.#begin(buf, tagEnd, end, now, consumer);
  }

  /** Whose consumer tag it is. */
  consumer(
    buf: Uint8Array,
    start: number,
    end: number,
    consumers: ReadonlyMap<string, Consumer>,
  ): Consumer | undefined {
    let consumer = this.#consumer;
    if (consumer === undefined || !same(consumer.key, buf, start, end)) {
      consumer = consumers.get(text(buf, start, end));
      if (consumer !== undefined) this.#consumer = consumer;
    }
    return consumer;
  }

  /** Where deliveries of these names to this consumer are counted. */
  route(buf: Uint8Array, start: number, end: number, source: Consumer): Route<DeliveryTally> {
    source.last = source.routes.find(buf, start, end, source.last);
    return source.last;
  }

  /** A delivery that lies whole in the chunk and was not delivered before; its content header is in the plane's flyweight. */
  whole(consumer: Consumer, route: Route<DeliveryTally>, tag: number, now: number): void {
    const { header } = this.#plane;
    const delivery = this.#delivery;
    delivery.route = route;
    delivery.time = now;
    delivery.tag = tag;
    delivery.noAck = consumer.noAck;
    delivery.redelivered = false;
    delivery.get = false;
    delivery.detail = undefined;
    delivery.bits = 0;
    delivery.fault = '';
    delivery.size = header.bodySize;
    delivery.latency = Number.NaN;
    this.#first = false;
    this.#deadLetterQueue = '';
    this.#read(header, now);
  }

  /** The delivery at hand. */
  get delivery(): Delivering {
    return this.#delivery;
  }

  /** It is the first of a message that a Tracehare stamped. */
  get isFirst(): boolean {
    return this.#first;
  }

  /** Seconds since its publish; NaN: none to tell. */
  get latency(): number {
    return this.#delivery.latency;
  }

  /** Consumers changed: the tag remembered may be another's now. */
  forget(): void {
    this.#consumer = undefined;
  }

  /** A basic.get-ok frame that answers a get from `source`. Throws MalformedError. */
  got(buf: Uint8Array, start: number, end: number, now: number, source: Consumer): void {
    this.#remaining = -2;
    this.#delivery.get = true;
    this.#begin(buf, start + ARGUMENTS, end, now, source);
  }

  /** Delivery tag, redelivered, exchange and routing key stand in this order in both. */
  #begin(buf: Uint8Array, at: number, end: number, now: number, source: Consumer): void {
    const key = at + 9;
    const routingKey = key + 1 + buf[key];
    const keyEnd = routingKey + 1 + buf[routingKey];
    if (!(keyEnd + 1 <= end)) throw new MalformedError('delivery');
    const delivery = this.#delivery;
    delivery.route = this.route(buf, key, keyEnd, source);
    delivery.time = now;
    delivery.tag = readU64(buf, at);
    delivery.redelivered = (buf[at + 8] & 1) !== 0;
    delivery.bits = delivery.redelivered ? REDELIVERED : 0;
    delivery.noAck = source.noAck;
    delivery.detail = undefined;
    delivery.fault = '';
    this.#remaining = -1;
  }

  /** Faults may strike the delivery at hand: its frame must be held until its header tells. */
  get mayStrike(): boolean {
    return this.#remaining === -1 && this.#delivery.route.treatment.mayStrike;
  }

  /** Its content header can be read: what it says decides on the treatment. Throws MalformedError. */
  resolve(): void {
    if (this.#remaining !== -1) return;
    const { variants } = this.#delivery.route;
    if (variants !== undefined) this.#delivery.route = variants.of(this.#plane.header);
  }

  /** Of the delivery at hand, once its treatment is known; undefined: none. */
  get faults(): readonly Fault[] | undefined {
    return this.#remaining === -1 ? this.#delivery.route.treatment.faults : undefined;
  }

  /** Faults struck the delivery at hand, which goes to the app at `time`. */
  struck(types: string, time: number): void {
    this.#delivery.fault = types;
    this.#delivery.time = time;
  }

  /** No part of a delivery is still to come. */
  get isBetween(): boolean {
    return this.#remaining === -2;
  }

  /** The delivery at hand, which won't be made. */
  withdraw(): Delivering {
    this.#remaining = -2;
    return this.#delivery;
  }

  /** Its content header, already read into the plane's flyweight; `now`: when it goes to the app. */
  header(readable: boolean, now: number): void {
    if (this.#remaining !== -1) return;
    const { header, observer } = this.#plane;
    this.#delivery.size = header.bodySize;
    this.#remaining = header.bodySize;
    this.#first = false;
    this.#delivery.latency = Number.NaN;
    this.#deadLetterQueue = '';
    if (!readable) {
      observer.traffic.unobserved('malformed_content');
      if (Number.isNaN(header.bodySize)) this.#remaining = -2;
      return;
    }
    this.#read(header, now);
  }

  #read(header: ContentHeader, now: number): void {
    const { context, interceptor, middleware } = this.#plane;
    const delivery = this.#delivery;
    if (header.value(X_DEATH) >= 0) this.#readDeath(header);
    else if (!delivery.redelivered && header.value(SENT) >= 0) {
      this.#first = true;
      delivery.latency = this.#since(header.integer(SENT), now);
    }
    context.ratio = delivery.route.treatment.sample;
    if (middleware !== undefined)
      middleware.onDeliver(header, delivery.route, this.#scope, context, delivery.redelivered);
    interceptor.onDeliver(header, context, delivery.noAck, now);
    if (!context.traced) return;
    delivery.bits |= TRACED | (context.hasParent ? HAS_PARENT : 0) | (context.sampled ? SAMPLED : 0);
    for (let i = 0; i < IDS; i++) delivery.ids[i] = context.ids[i];
    if (context.sampled) delivery.detail = this.#detail(header, context.hasParent);
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
  #readDeath(header: ContentHeader): void {
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
        this.#plane.noteDeadLettering(this.#scope.vhost, queue);
        if (first) {
          this.#deadLetterQueue = queue;
          this.#deadLetterReason = typeof reason === 'string' ? reason : '';
        }
      }
      p = next;
    }
  }

  #detail(header: ContentHeader, hasParent: boolean): Detail {
    const { get, fault } = this.#delivery;
    const plain = get ? PLAIN_GET : (this.#consumer as Consumer).plain;
    const more = moreOf(header, hasParent, fault);
    if (this.#deadLetterQueue === '') return more === NOTHING_MORE ? plain : { ...plain, more };
    const { consumerTag, via } = plain;
    const deadLetterQueue = this.#deadLetterQueue;
    return { via, consumerTag, more: { ...more, deadLetterQueue, deadLetterReason: this.#deadLetterReason } };
  }

  /** `payload` more body bytes passed. */
  body(payload: number): void {
    if (this.#remaining > 0) this.#remaining -= payload;
  }

  /** The delivery at hand if its last byte has passed, once; valid until the next method frame. */
  ended(): Delivering | undefined {
    if (this.#remaining !== 0) return undefined;
    this.#remaining = -2;
    const { route, redelivered } = this.#delivery;
    if (this.#first) route.tally.first(this.#delivery.latency);
    // one step of a retry loop per delivery; a redelivery shows the same step again
    if (this.#deadLetterQueue !== '' && !redelivered) {
      route.tally.deadLettered(this.#deadLetterQueue, this.#deadLetterReason);
    }
    return this.#delivery;
  }
}
