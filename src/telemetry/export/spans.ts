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
import { cleanAttributes, type InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace';
import { hexOf } from '../../events/hex.ts';
import type { DeliveryEnded, PublishEnded } from '../../events/lifecycle.ts';
import { eventOf, type Passage } from '../../events/passage.ts';
import type { Connection } from '../connections.ts';
import { SPAN_WORDS, TRACE_WORDS } from '../traces/ids.ts';
import { type AttributeWriter, type Key, OWN, writeMessage, writeRoute } from './attributes.ts';
import type { ConsumerSpans } from './identity.ts';
import { LimitedAttributes, type SpanLimits } from './limits.ts';

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
  /** its own trace id in words 0–3, span id in 4–5 */
  readonly ids: Uint32Array;
}

type Event = PublishEnded | DeliveryEnded;

const NO_ROUTE = 312;
const NO_CONSUMERS = 313;

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

  constructor({ passage, connection, consumer, ids }: SpanSource, origin: SpanOrigin) {
    this.#event = eventOf(passage);
    this.#connection = connection;
    this.#consumer = consumer;
    this.#origin = origin;
    this.traceId = hexOf(ids, 0, TRACE_WORDS);
    this.spanId = hexOf(ids, TRACE_WORDS, SPAN_WORDS);
  }

  /** '' for a root */
  get parentSpanId(): string {
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
    return (this.#child ? contextOf(this.#event) : undefined) as SpanContext;
  }

  get links(): Link[] {
    const linked = this.#linked;
    return linked === undefined || this.#origin.limits?.links === 0 ? [] : [{ context: linked }];
  }

  get droppedLinksCount(): number {
    return this.#linked !== undefined && this.#origin.limits?.links === 0 ? 1 : 0;
  }

  get name(): string {
    return `${this.#operation} ${this.#event.topic}`;
  }

  get kind(): SpanKind {
    return KINDS[this.#operation];
  }

  /** Microseconds since the epoch. */
  get startMicros(): number {
    return Math.round(this.#event.startedAt);
  }

  get endMicros(): number {
    return Math.max(this.startMicros, Math.round(this.#event.endedAt));
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
    if (this.#event.outcome !== 'failed') return UNSET;
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
    if (this.#origin.limits === undefined) writeRoute(this.#event, this.#connection, to);
  }

  /** All others. Returns how many the limits left out. */
  writeMessage(to: AttributeWriter): number {
    const { limits } = this.#origin;
    const limited = limits && new LimitedAttributes(to, limits.attributes, limits.valueLength);
    if (limited !== undefined) writeRoute(this.#event, this.#connection, limited);
    writeMessage(this.#event, limited ?? to);
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
    const events = eventsOf(this.#event);
    const { limits } = this.#origin;
    if (limits === undefined) return events;
    return events.slice(this.droppedEventsCount).map((event) => limitEvent(event, limits));
  }

  get droppedEventsCount(): number {
    const { limits } = this.#origin;
    return limits === undefined ? 0 : Math.max(0, eventsOf(this.#event).length - limits.events);
  }

  /** Below the message's own context, if it came with one. */
  get #child(): boolean {
    return this.#event.type === 'publish.ended' || this.#consumer !== 'link';
  }

  get #linked(): SpanContext | undefined {
    return this.#event.type === 'publish.ended' || this.#consumer === 'parent' ? undefined : contextOf(this.#event);
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

function eventsOf(event: Event): TimedEvent[] {
  const start = hrTime(Math.round(event.startedAt));
  const end = hrTime(Math.round(Math.max(event.startedAt, event.endedAt)));
  const events: TimedEvent[] = [];
  // Faults strike when the message comes.
  if (event.fault !== '') {
    for (const type of event.fault.split(',')) {
      events.push({ name: 'tracehare.fault', time: start, attributes: { [OWN.faultType]: type } });
    }
  }
  if (event.type === 'publish.ended') {
    const { replyCode, replyText } = event;
    // Other reply codes are those of the close that ended the channel or connection.
    if (replyCode === NO_ROUTE || replyCode === NO_CONSUMERS) {
      const attributes = { [OWN.replyCode]: replyCode, [OWN.replyText]: replyText };
      events.push({ name: 'basic.return', time: end, attributes });
    }
    if (event.reason === 'nacked') events.push({ name: 'basic.nack', time: end });
    return events;
  }
  if (event.redelivered) events.push({ name: 'redelivered', time: start });
  if (event.deadLetterQueue !== '') {
    const { deadLetterQueue, deadLetterReason } = event;
    const attributes = { [OWN.deadLetterQueue]: deadLetterQueue, [OWN.deadLetterReason]: deadLetterReason };
    events.push({ name: 'dead-lettered', time: start, attributes });
  }
  if (event.settlement === 'nack' || event.settlement === 'reject') {
    const attributes = { [OWN.requeue]: event.outcome === 'requeued' };
    events.push({ name: `basic.${event.settlement}`, time: end, attributes });
  }
  return events;
}

function limitEvent(event: TimedEvent, { eventAttributes, valueLength }: SpanLimits): TimedEvent {
  const limits = { attributeCountLimit: eventAttributes, attributeValueLengthLimit: valueLength };
  return { ...event, ...cleanAttributes(event.attributes, limits) };
}

/** Microseconds as the SDK's pair of seconds and nanoseconds. */
function hrTime(microseconds: number): HrTime {
  const seconds = Math.floor(microseconds / 1e6);
  return [seconds, (microseconds - seconds * 1e6) * 1000];
}
