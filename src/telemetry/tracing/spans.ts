import {
  type Context,
  createTraceState,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { viewOf } from '../../amqp/bytes.ts';
import type { DeliveryEnded, PublishEnded } from '../../events/lifecycle.ts';
import type { ConnectionTable } from '../connections.ts';
import { deliveryAttributes, OWN, publishAttributes } from './attributes.ts';
import { createIdPool, SPAN_WORDS, TRACE_WORDS, writeHex } from './ids.ts';

/** What a consumer's span is to the message's own context. */
export type ConsumerSpans = 'parent' | 'link' | 'both';

type Passage = PublishEnded | DeliveryEnded;
type HrTime = [seconds: number, nanoseconds: number];

/** The SDK's id generator: hands out what the next span was given on the traffic thread. */
export class GivenIds {
  traceId = '';
  spanId = '';

  generateTraceId(): string {
    return this.traceId;
  }

  generateSpanId(): string {
    return this.spanId;
  }
}

const NO_ROUTE = 312;
const NO_CONSUMERS = 313;

/** Makes one span of the OpenTelemetry SDK out of each passage it is given, started and ended. */
export class SpanWriter {
  #tracer: Tracer;
  #ids: GivenIds;
  consumer: ConsumerSpans;
  #connections: ConnectionTable;

  /** `tracer`'s provider must draw its ids from `ids` and sample everything. */
  constructor(tracer: Tracer, ids: GivenIds, consumer: ConsumerSpans, connections: ConnectionTable) {
    this.#tracer = tracer;
    this.#ids = ids;
    this.consumer = consumer;
    this.#connections = connections;
  }

  write(event: Passage): void {
    if (event.type === 'publish.ended') this.#writePublish(event);
    else this.#writeDelivery(event);
  }

  #writePublish(event: PublishEnded): void {
    const attributes = publishAttributes(event, this.#connections.get(event.connection));
    const span = this.#tracer.startSpan(
      `publish ${event.topic}`,
      { kind: SpanKind.PRODUCER, startTime: hrTime(event.startedAt), attributes },
      this.#place(event, true),
    );
    addFaults(span, event);
    const end = endOf(event);
    if (isReturn(event.replyCode)) {
      span.addEvent('basic.return', { [OWN.replyCode]: event.replyCode, [OWN.replyText]: event.replyText }, end);
    }
    if (event.reason === 'nacked') span.addEvent('basic.nack', end);
    if (event.outcome === 'failed') setFailed(span, event.replyText);
    span.end(end);
  }

  #writeDelivery(event: DeliveryEnded): void {
    const got = event.via === 'get';
    const child = this.consumer !== 'link';
    const start = hrTime(event.startedAt);
    const span = this.#tracer.startSpan(
      `${got ? 'receive' : 'process'} ${event.topic}`,
      {
        kind: got ? SpanKind.CLIENT : SpanKind.CONSUMER,
        startTime: start,
        attributes: deliveryAttributes(event, this.#connections.get(event.connection)),
        links: this.consumer === 'parent' ? [] : linksTo(event),
      },
      this.#place(event, child),
    );
    addFaults(span, event);
    if (event.redelivered) span.addEvent('redelivered', start);
    if (event.deadLetterQueue !== '') {
      const { deadLetterQueue, deadLetterReason } = event;
      const from = { [OWN.deadLetterQueue]: deadLetterQueue, [OWN.deadLetterReason]: deadLetterReason };
      span.addEvent('dead-lettered', from, start);
    }
    const end = endOf(event);
    if (event.settlement === 'nack' || event.settlement === 'reject') {
      span.addEvent(`basic.${event.settlement}`, { [OWN.requeue]: event.outcome === 'requeued' }, end);
    }
    if (event.outcome === 'failed') setFailed(span, '');
    span.end(end);
  }

  /** Sets the ids of the next span and returns the context it starts in: child of its message, or a root. */
  #place(event: Passage, child: boolean): Context {
    this.#ids.spanId = event.spanId || randomHex(SPAN_WORDS);
    const parent = parentOf(event);
    if (child && parent !== undefined) return trace.setSpanContext(ROOT_CONTEXT, parent);
    // A root: of the trace this message starts; else, only linked to the message's, of one of its own.
    this.#ids.traceId = (parent === undefined && event.traceId) || randomHex(TRACE_WORDS);
    return ROOT_CONTEXT;
  }
}

/** The context the message came with; undefined if it came with none. */
function parentOf(event: Passage): SpanContext | undefined {
  if (event.parentSpanId === '') return undefined;
  return {
    traceId: event.traceId,
    spanId: event.parentSpanId,
    traceFlags: event.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(event.traceState !== '' && { traceState: createTraceState(event.traceState) }),
  };
}

function linksTo(event: Passage): Link[] {
  const context = parentOf(event);
  return context === undefined ? [] : [{ context }];
}

/** Faults strike when the message comes. */
function addFaults(span: Span, { fault, startedAt }: Passage): void {
  if (fault === '') return;
  for (const type of fault.split(',')) span.addEvent('tracehare.fault', { [OWN.faultType]: type }, hrTime(startedAt));
}

function setFailed(span: Span, text: string): void {
  span.setStatus(text === '' ? { code: SpanStatusCode.ERROR } : { code: SpanStatusCode.ERROR, message: text });
}

/** Other reply codes are those of the close that ended the channel or connection. */
function isReturn(replyCode: number): boolean {
  return replyCode === NO_ROUTE || replyCode === NO_CONSUMERS;
}

function endOf(event: Passage): HrTime {
  return hrTime(Math.max(event.startedAt, event.endedAt));
}

/** Microseconds since the epoch as the SDK takes them without rounding. */
function hrTime(microseconds: number): HrTime {
  const whole = Math.round(microseconds);
  const seconds = Math.floor(whole / 1e6);
  return [seconds, (whole - seconds * 1e6) * 1000];
}

const pool = createIdPool(64);
const words = new Uint32Array(TRACE_WORDS);
const hex = Buffer.alloc(TRACE_WORDS * 8);
const hexView = viewOf(hex);

function randomHex(count: typeof TRACE_WORDS | typeof SPAN_WORDS): string {
  if (count === TRACE_WORDS) pool.traceId(words, 0);
  else pool.spanId(words, 0);
  writeHex(words, 0, count, hexView, 0);
  return hex.toString('latin1', 0, count * 8);
}
