import { hexOf } from './hex.ts';
import type { DeliveryEnded, PublishEnded } from './lifecycle.ts';

/**
 * The end of a message's passage, as the data plane tells it and as it lies in the ring. With every message sampled
 * there is one for each message, and most of them only become a span: so no event is made of it unless somebody
 * wants one (`eventOf`), and the object is reused. It is valid until the next passage is told.
 */
export interface Passage {
  names: Names;
  /** HAS_SPAN and so on */
  bits: number;
  /** from `idsAt`: trace id in words 0–3, own span id in 4–5, parent span id in 6–7; `bits` says which of them hold */
  ids: Uint32Array;
  idsAt: number;
  /** microseconds since the epoch */
  startedAt: number;
  endedAt: number;
  bodySize: number;
  /** a publish's sequence, a delivery's tag */
  number: number;
  /** as in DeliveryEnded; NaN for a publish */
  latency: number;
  /** '' for a publish */
  settlement: DeliveryEnded['settlement'] | '';
  outcome: PublishEnded['outcome'] | DeliveryEnded['outcome'];
  /** '' on success */
  reason: string;
  more: More;
}

/** It has a span id of its own. */
export const HAS_SPAN = 1;
export const CONFIRMED = 2;
export const REDELIVERED = 4;
export const LOST = 8;
export const HAS_PARENT = 16;
/** It has a trace id. */
export const TRACED = 32;
export const SAMPLED = 64;
/** A publish that the broker refused, and may have dead-lettered all the same. */
export const SPARED = 128;
/** It is told only because somebody watches messages as they end: neither sampled nor gone wrong. */
export const WATCHED = 256;

/** The names that passages of one route and consumer have in common: one object for all of them, which never changes. */
export interface Names {
  /** tells it from all others of its traffic thread */
  readonly number: number;
  readonly via: 'publish' | DeliveryEnded['via'];
  readonly connection: number;
  readonly channel: number;
  readonly exchange: string;
  readonly routingKey: string;
  readonly topic: string;
  readonly pipeline: string;
  /** '' for a publish, as the consumer tag */
  readonly queue: string;
  readonly consumerTag: string;
}

/** An attempt to handle a message that ended without success, and that was not told of when it did. */
export interface EarlierAttempt {
  readonly attempt: number;
  /** microseconds since the epoch */
  readonly startedAt: number;
  readonly endedAt: number;
  /** how it went back to its queue */
  readonly settlement: DeliveryEnded['settlement'];
}

/** What only few passages have; the same fields as in PublishEnded and DeliveryEnded. */
export interface More {
  readonly traceState: string;
  readonly messageId: string;
  readonly correlationId: string;
  readonly fault: string;
  readonly baggage: string;
  readonly replyCode: number;
  readonly replyText: string;
  readonly deadLetterQueue: string;
  readonly deadLetterReason: string;
  readonly cause: string;
  readonly causeTraceId: string;
  readonly causeSpanId: string;
  readonly isCauseParent: boolean;
  /** of a delivery, 1 for others; with the two that follow as in DeliveryEnded */
  readonly attempt: number;
  readonly firstPublished: number;
  readonly queuedAt: number;
  /** of a delivery: other attempts of its message are told of beside it, or were before */
  readonly isContinued: boolean;
  /** of an unsampled delivery that is told of: what was not told of the attempts before */
  readonly earlier: readonly EarlierAttempt[];
  /** those that configuration wants to be shown, name and value */
  readonly headers: readonly (readonly [string, string])[];
  /** of a delivery that was to come later, seconds after its publish: how long that was to be, and was; NaN for others */
  readonly delayPlanned: number;
  readonly delayActual: number;
}

export const NOTHING_MORE: More = Object.freeze({
  traceState: '',
  messageId: '',
  correlationId: '',
  fault: '',
  baggage: '',
  replyCode: 0,
  replyText: '',
  deadLetterQueue: '',
  deadLetterReason: '',
  cause: '',
  causeTraceId: '',
  causeSpanId: '',
  isCauseParent: false,
  attempt: 1,
  firstPublished: 0,
  queuedAt: 0,
  isContinued: false,
  earlier: Object.freeze([]),
  headers: Object.freeze([]),
  delayPlanned: Number.NaN,
  delayActual: Number.NaN,
});

/** One that is filled anew for each message. */
export const newPassage = (): Passage => ({
  names: NO_NAMES,
  bits: 0,
  ids: new Uint32Array(8),
  idsAt: 0,
  startedAt: 0,
  endedAt: 0,
  bodySize: 0,
  number: 0,
  latency: Number.NaN,
  settlement: '',
  outcome: 'success',
  reason: '',
  more: NOTHING_MORE,
});

const NO_NAMES: Names = {
  number: -1,
  via: 'publish',
  connection: 0,
  channel: 0,
  exchange: '',
  routingKey: '',
  topic: '',
  pipeline: '',
  queue: '',
  consumerTag: '',
};

/** Since when a delivered message has been in queues, microseconds since the epoch; 0 if it is not known. */
export function queuedAt({ more, latency, startedAt }: Passage): number {
  if (more.queuedAt > 0) return more.queuedAt;
  return Number.isNaN(latency) ? 0 : Math.round(startedAt - latency * 1e6);
}

/** When a delivered message was published, microseconds since the epoch; 0 if it is not known. */
export function publishedAt({ more, latency, startedAt }: Passage): number {
  if (more.firstPublished > 0) return more.firstPublished;
  return Number.isNaN(latency) ? 0 : Math.round(startedAt - latency * 1e6);
}

/** The event that tells of it. */
export function eventOf(passage: Passage): PublishEnded | DeliveryEnded {
  const { names, bits, ids, idsAt, more } = passage;
  const common = {
    connection: names.connection,
    channel: names.channel,
    exchange: names.exchange,
    routingKey: names.routingKey,
    topic: names.topic,
    pipeline: names.pipeline,
    startedAt: passage.startedAt,
    endedAt: passage.endedAt,
    traceId: (bits & TRACED) === 0 ? '' : hexOf(ids, idsAt, 4),
    spanId: (bits & HAS_SPAN) === 0 ? '' : hexOf(ids, idsAt + 4, 2),
    parentSpanId: (bits & HAS_PARENT) === 0 ? '' : hexOf(ids, idsAt + 6, 2),
    traceState: more.traceState,
    sampled: (bits & SAMPLED) !== 0,
    bodySize: passage.bodySize,
    messageId: more.messageId,
    correlationId: more.correlationId,
    fault: more.fault,
    headers: more.headers,
    baggage: more.baggage,
  };
  if (names.via === 'publish') {
    return {
      type: 'publish.ended',
      ...common,
      sequence: passage.number,
      outcome: passage.outcome as PublishEnded['outcome'],
      reason: passage.reason,
      confirmed: (bits & CONFIRMED) !== 0,
      replyCode: more.replyCode,
      replyText: more.replyText,
      cause: more.cause,
      causeTraceId: more.causeTraceId,
      causeSpanId: more.causeSpanId,
      isCauseParent: more.isCauseParent,
    };
  }
  return {
    type: 'delivery.ended',
    ...common,
    deliveryTag: passage.number,
    via: names.via,
    queue: names.queue,
    consumerTag: names.consumerTag,
    redelivered: (bits & REDELIVERED) !== 0,
    settlement: passage.settlement as DeliveryEnded['settlement'],
    outcome: passage.outcome,
    reason: passage.reason,
    lost: (bits & LOST) !== 0,
    latency: passage.latency,
    deadLetterQueue: more.deadLetterQueue,
    deadLetterReason: more.deadLetterReason,
    attempt: more.attempt,
    firstPublished: more.firstPublished,
    queuedAt: queuedAt(passage),
    isContinued: more.isContinued,
    delayPlanned: more.delayPlanned,
    delayActual: more.delayActual,
  };
}
