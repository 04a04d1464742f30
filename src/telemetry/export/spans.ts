import {
  type Attributes,
  createTraceState,
  type HrTime,
  type Link,
  type SpanContext,
  SpanKind,
  type SpanStatus,
  SpanStatusCode,
  TraceFlags,
  type TraceState,
} from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace';
import { hexOf } from '../../events/hex.ts';
import type { DeliveryEnded, PublishEnded } from '../../events/lifecycle.ts';
import { eventOf, type Passage } from '../../events/passage.ts';
import type { Connection } from '../connections.ts';
import { SPAN_WORDS, TRACE_WORDS } from '../traces/ids.ts';
import { type AttributeWriter, KEY, type Key, writeMessage, writeQueue, writeRoute } from './attributes.ts';
import type { ConsumerSpans } from './identity.ts';
import { LimitedAttributes, type SpanLimits } from './limits.ts';
import { eventsOf, hrTime, limitEvent } from './span-events.ts';

/** How the time that a message was in queues shows: not, as an event of its consumer's span, or as a span of its own. */
export type QueueTime = 'off' | 'event' | 'span';

/** What all spans have in common. */
export interface SpanOrigin {
  resource: Resource;
  scope: InstrumentationScope;
  limits: SpanLimits | undefined;
}

/** What a span is made of. */
export interface SpanSource {
  readonly passage: Passage;
  readonly connection: Connection | undefined;
  readonly consumer: ConsumerSpans;
  readonly queue: QueueTime;
  /** of a delivery: its own span, or that of the time which its message was in queues */
  readonly part: 'passage' | 'queue';
  /** its own trace id in words 0–3, span id in 4–5 */
  readonly ids: Uint32Array;
}

type Event = PublishEnded | DeliveryEnded;

/**
 * A passage as a span that has ended, for any exporter of the SDK. It keeps the event, and makes
 * everything else when it is asked for: what waits in a queue lives long enough to be dear.
 */
export class PassageSpan implements ReadableSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly #event: Event;
  readonly #connection: Connection | undefined;
  readonly #consumer: ConsumerSpans;
  readonly #origin: SpanOrigin;
  readonly #showsQueue: boolean;
  /** it is of the time in the queue */
  readonly #isQueue: boolean;

  constructor({ passage, connection, consumer, queue, part, ids }: SpanSource, origin: SpanOrigin) {
    this.#event = eventOf(passage);
    this.#showsQueue = queue === 'event';
    this.#isQueue = part === 'queue';
    this.#connection = connection;
    this.#consumer = consumer;
    this.#origin = origin;
    this.traceId = hexOf(ids, 0, TRACE_WORDS);
    this.spanId = hexOf(ids, TRACE_WORDS, SPAN_WORDS);
  }

  /** '' for a root */
  get parentSpanId(): string {
    if (isCauseParent(this.#event)) return this.#event.causeSpanId;
    return this.#child ? this.#event.parentSpanId : '';
  }

  /** Of the parent, members that are none left out. */
  get traceState(): TraceState | undefined {
    const { traceState } = this.#event;
    return this.parentSpanId === '' || traceState === '' ? undefined : createTraceState(traceState);
  }

  spanContext(): SpanContext {
    const { traceId, spanId, traceState } = this;
    // Whether it is sampled was decided on the traffic thread, before there was a span.
    return { traceId, spanId, traceFlags: TraceFlags.SAMPLED, ...(traceState && { traceState }) };
  }

  /** Undefined for a root, whatever the type says: it knows a property that is not there, but no getter. */
  get parentSpanContext(): SpanContext {
    if (isCauseParent(this.#event)) return causeOf(this.#event);
    return (this.#child ? contextOf(this.#event) : undefined) as SpanContext;
  }

  get links(): Link[] {
    return this.#origin.limits?.links === 0 || this.#link === undefined ? [] : [this.#link];
  }

  get droppedLinksCount(): number {
    return this.#link !== undefined && this.#origin.limits?.links === 0 ? 1 : 0;
  }

  get name(): string {
    if (this.#isQueue && this.#event.type === 'delivery.ended') return `queue ${this.#event.queue}`;
    return `${this.#operation} ${this.#event.topic}`;
  }

  get kind(): SpanKind {
    return this.#isQueue ? SpanKind.INTERNAL : KINDS[this.#operation];
  }

  /** Microseconds since the epoch. */
  get startMicros(): number {
    const event = this.#event;
    return Math.round(this.#isQueue && event.type === 'delivery.ended' ? event.queuedAt : event.startedAt);
  }

  get endMicros(): number {
    const { startedAt, endedAt } = this.#event;
    return Math.max(this.startMicros, Math.round(this.#isQueue ? startedAt : endedAt));
  }

  get startTime(): HrTime {
    return hrTime(this.startMicros);
  }

  get endTime(): HrTime {
    return hrTime(this.endMicros);
  }

  get duration(): HrTime {
    return hrTime(this.endMicros - this.startMicros);
  }

  get ended(): boolean {
    return true;
  }

  get status(): SpanStatus {
    if (this.#isQueue || this.#event.outcome !== 'failed') return UNSET;
    const message = this.#event.type === 'publish.ended' ? this.#event.replyText : '';
    return { code: SpanStatusCode.ERROR, ...(message && { message }) };
  }

  get resource(): Resource {
    return this.#origin.resource;
  }

  get instrumentationScope(): InstrumentationScope {
    return this.#origin.scope;
  }

  /** Attributes that it shares with every span of its route and channel. With limits there are none. */
  writeRoute(to: AttributeWriter): void {
    if (this.#origin.limits === undefined) this.#writeRoute(to);
  }

  #writeRoute(to: AttributeWriter): void {
    if (this.#isQueue && this.#event.type === 'delivery.ended') writeQueue(this.#event, this.#connection, to);
    else writeRoute(this.#event, this.#connection, to);
  }

  /** All others. Returns how many the limits left out. */
  writeMessage(to: AttributeWriter): number {
    const { limits } = this.#origin;
    const limited = limits && new LimitedAttributes(to, limits.attributes, limits.valueLength);
    if (limited !== undefined) this.#writeRoute(limited);
    if (!this.#isQueue) writeMessage(this.#event, limited ?? to);
    return limited?.dropped ?? 0;
  }

  get attributes(): Attributes {
    const attributes = new AttributeObject();
    this.writeRoute(attributes);
    this.writeMessage(attributes);
    return attributes.attributes;
  }

  get droppedAttributesCount(): number {
    return this.writeMessage(new AttributeObject());
  }

  get events(): TimedEvent[] {
    const events = this.#events;
    const { limits } = this.#origin;
    if (limits === undefined) return events;
    return events.slice(this.droppedEventsCount).map((event) => limitEvent(event, limits));
  }

  get droppedEventsCount(): number {
    const { limits } = this.#origin;
    return limits === undefined ? 0 : Math.max(0, this.#events.length - limits.events);
  }

  get #events(): TimedEvent[] {
    return this.#isQueue ? [] : eventsOf(this.#event, this.#showsQueue);
  }

  /** Below the message's own context, if it came with one. */
  get #child(): boolean {
    return this.#event.type === 'publish.ended' || this.#consumer !== 'link';
  }

  /** To what a publish comes of, if that is not its parent; to what a delivery was published with. */
  get #link(): Link | undefined {
    const event = this.#event;
    if (event.type === 'publish.ended') {
      if (event.causeSpanId === '' || event.isCauseParent) return undefined;
      return { context: causeOf(event), attributes: { [KEY.cause.name]: event.cause } };
    }
    const context = this.#consumer === 'parent' ? undefined : contextOf(event);
    return context && { context };
  }

  get #operation(): keyof typeof KINDS {
    if (this.#event.type === 'publish.ended') return 'publish';
    return this.#event.via === 'get' ? 'receive' : 'process';
  }
}

const KINDS = { publish: SpanKind.PRODUCER, receive: SpanKind.CLIENT, process: SpanKind.CONSUMER };
const UNSET: SpanStatus = { code: SpanStatusCode.UNSET };

class AttributeObject implements AttributeWriter {
  readonly attributes: Attributes = {};

  text(key: Key, value: string): void {
    this.attributes[key.name] = value;
  }

  number(key: Key, value: number): void {
    this.attributes[key.name] = value;
  }

  flag(key: Key, value: boolean): void {
    this.attributes[key.name] = value;
  }
}

/** The context the message came with; undefined if it came with none. */
function contextOf(event: Event): SpanContext | undefined {
  if (event.parentSpanId === '') return undefined;
  return {
    traceId: event.traceId,
    spanId: event.parentSpanId,
    traceFlags: event.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(event.traceState !== '' && { traceState: createTraceState(event.traceState) }),
  };
}

const isCauseParent = (event: Event): event is PublishEnded => event.type === 'publish.ended' && event.isCauseParent;

/** The delivery that a publish comes of. */
const causeOf = ({ causeTraceId, causeSpanId }: PublishEnded): SpanContext => ({
  traceId: causeTraceId,
  spanId: causeSpanId,
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
});
