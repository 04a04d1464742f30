import { type Link, type SpanStatus, TraceFlags } from '@opentelemetry/api';
import type { TimedEvent } from '@opentelemetry/sdk-trace';
import { type Passage, queuedAt } from '../../events/passage.ts';
import { type AttributeWriter, KEY, type Key } from './attributes.ts';
import { bytesField, fixed32Field, fixed64Field, type ProtobufWriter, varintField } from './protobuf.ts';
import { QUEUED, secondsInQueue } from './span-events.ts';
import type { PassageSpan } from './spans.ts';

// Fields of OTLP's messages (opentelemetry/proto/trace/v1/trace.proto).
export const SPAN = {
  traceId: bytesField(1),
  spanId: bytesField(2),
  traceState: bytesField(3),
  parentSpanId: bytesField(4),
  name: bytesField(5),
  kind: varintField(6),
  startTime: fixed64Field(7),
  endTime: fixed64Field(8),
  attributes: bytesField(9),
  droppedAttributes: varintField(10),
  events: bytesField(11),
  droppedEvents: varintField(12),
  links: bytesField(13),
  droppedLinks: varintField(14),
  status: bytesField(15),
  flags: fixed32Field(16),
};
const EVENT = { time: fixed64Field(1), name: bytesField(2), attributes: bytesField(3), dropped: varintField(4) };
const LINK = {
  traceId: bytesField(1),
  spanId: bytesField(2),
  traceState: bytesField(3),
  attributes: bytesField(4),
  flags: fixed32Field(6),
};
const STATUS = { message: bytesField(2), code: varintField(3) };

/** Flags of a context beside those of W3C: it is known whether it is remote, and it is. */
const KNOWN = 0x100;
const REMOTE = 0x200;

/** Any span: its fields, within the message that its request has opened. */
export function writeSpan(span: PassageSpan, to: ProtobufWriter): void {
  const attributes = new SpanAttributes(to);
  to.string(SPAN.name, span.name);
  to.number(SPAN.kind, span.kind + 1);
  span.writeRoute(attributes);
  to.hex(SPAN.traceId, span.traceId);
  to.hex(SPAN.spanId, span.spanId);
  to.string(SPAN.traceState, span.traceState?.serialize() ?? '');
  to.hex(SPAN.parentSpanId, span.parentSpanId);
  to.nanoseconds(SPAN.startTime, span.startMicros);
  to.nanoseconds(SPAN.endTime, span.endMicros);
  to.number(SPAN.droppedAttributes, span.writeMessage(attributes));
  for (const event of span.events) writeEvent(event, to);
  to.number(SPAN.droppedEvents, span.droppedEventsCount);
  for (const link of span.links) writeLink(link, to);
  to.number(SPAN.droppedLinks, span.droppedLinksCount);
  writeStatus(span.status, to);
  to.fixed32(SPAN.flags, spanFlags(span));
}

/** Its own, and what is known of its parent. */
export const spanFlags = ({ parentSpanId }: PassageSpan): number =>
  TraceFlags.SAMPLED | KNOWN | (parentSpanId === '' ? 0 : REMOTE);

function writeEvent(
  { time: [seconds, nanoseconds], name, attributes, droppedAttributesCount }: TimedEvent,
  to: ProtobufWriter,
): void {
  const start = to.open(SPAN.events);
  to.nanoseconds(EVENT.time, seconds * 1e6 + nanoseconds / 1000);
  to.string(EVENT.name, name);
  for (const [key, value] of Object.entries(attributes ?? {})) to.attribute(EVENT.attributes, key, value);
  to.number(EVENT.dropped, droppedAttributesCount ?? 0);
  to.close(start);
}

/** The event of a plain passage of which it is known how long its message was in the queue. */
export function writeQueued(passage: Passage, to: ProtobufWriter): void {
  const at = queuedAt(passage);
  const start = to.open(SPAN.events);
  to.nanoseconds(EVENT.time, at);
  to.string(EVENT.name, QUEUED);
  to.numberAttribute(EVENT.attributes, KEY.queueSeconds.encoded, secondsInQueue(passage.startedAt, at));
  to.close(start);
}

function writeLink({ context, attributes = {} }: Link, to: ProtobufWriter): void {
  const { traceId, spanId, traceState, traceFlags } = context;
  const start = to.open(SPAN.links);
  to.hex(LINK.traceId, traceId);
  to.hex(LINK.spanId, spanId);
  to.string(LINK.traceState, traceState?.serialize() ?? '');
  for (const [key, value] of Object.entries(attributes)) to.attribute(LINK.attributes, key, value);
  to.fixed32(LINK.flags, traceFlags | KNOWN | REMOTE);
  to.close(start);
}

export function writeStatus({ code, message = '' }: SpanStatus, to: ProtobufWriter): void {
  const start = to.open(SPAN.status);
  to.string(STATUS.message, message);
  to.number(STATUS.code, code);
  to.close(start);
}

/** Attributes of a span, as they are sent. */
export class SpanAttributes implements AttributeWriter {
  readonly #to: ProtobufWriter;

  constructor(to: ProtobufWriter) {
    this.#to = to;
  }

  text(key: Key, value: string): void {
    this.#to.textAttribute(SPAN.attributes, key.encoded, value);
  }

  number(key: Key, value: number): void {
    this.#to.numberAttribute(SPAN.attributes, key.encoded, value);
  }

  flag(key: Key, value: boolean): void {
    this.#to.flagAttribute(SPAN.attributes, key.encoded, value);
  }
}
