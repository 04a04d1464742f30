import type { PublishEnded } from '../events/lifecycle.ts';
import { hexOf } from './hex.ts';
import type { LossReason, PublishTally, UnknownReason } from './observer.ts';
import type { Plane } from './plane.ts';
import { HAS_PARENT, type Passed, type PublishDetail, SAMPLED, TRACED } from './publish.ts';
import type { Route } from './routes.ts';

/** How a publish ended, as its event says it. */
export interface End {
  outcome: PublishEnded['outcome'];
  reason: string;
  confirmed: boolean;
  code: number;
  reply: string;
}
export const ROUTED: End = { outcome: 'success', reason: '', confirmed: false, code: 0, reply: '' };
export const FAULT: End = { outcome: 'failed', reason: 'fault', confirmed: false, code: 0, reply: '' };
export const ACKED: End = { ...ROUTED, confirmed: true };

export const unknown = (reason: UnknownReason, code: number, reply: string): End => ({
  outcome: 'unknown',
  reason,
  confirmed: false,
  code,
  reply,
});

/** What can still be said of a publish that was not sampled: the ids of its columns. */
export function detailOf(ids: Uint32Array, at: number, bits: number): PublishDetail {
  const traced = (bits & TRACED) !== 0;
  return {
    traceId: traced ? hexOf(ids, at, 4) : '',
    spanId: traced ? hexOf(ids, at + 4, 2) : '',
    parentSpanId: (bits & HAS_PARENT) !== 0 ? hexOf(ids, at + 6, 2) : '',
    traceState: '',
    sampled: (bits & SAMPLED) !== 0,
    messageId: '',
    correlationId: '',
    fault: '',
    replyCode: 0,
    replyText: '',
  };
}

/** Tells of one channel's publishes: those sampled, and those gone wrong. */
export class PublishEvents {
  readonly #plane: Plane;
  readonly #connection: number;
  readonly #channel: number;

  constructor(plane: Plane, connection: number, channel: number) {
    this.#plane = plane;
    this.#connection = connection;
    this.#channel = channel;
  }

  /** `sequence`: as the app numbers its publishes. Nothing is told of one without detail. */
  ended(publish: Passed, sequence: number, now: number, end: End): void {
    const { route, size: bodySize, detail } = publish;
    if (detail === undefined) return;
    const { clock, observer } = this.#plane;
    observer.emit({
      type: 'publish.ended',
      connection: this.#connection,
      channel: this.#channel,
      exchange: route.exchange,
      routingKey: route.routingKey,
      topic: route.topic,
      pipeline: route.pipeline,
      startedAt: clock.micros(publish.time),
      endedAt: clock.micros(now),
      traceId: detail.traceId,
      spanId: detail.spanId,
      parentSpanId: detail.parentSpanId,
      traceState: detail.traceState,
      sampled: detail.sampled,
      bodySize,
      messageId: detail.messageId,
      correlationId: detail.correlationId,
      fault: detail.fault,
      sequence,
      outcome: end.outcome,
      reason: end.reason,
      confirmed: end.confirmed,
      replyCode: detail.replyCode || end.code,
      replyText: detail.replyText || end.reply,
    });
  }

  /** A loss that no passage tells of. */
  lost(route: Route<PublishTally>, reason: LossReason, routingKey: string, traceId: string, now: number): void {
    const { clock, observer } = this.#plane;
    observer.emit({
      type: 'message.lost',
      at: clock.micros(now),
      connection: this.#connection,
      channel: this.#channel,
      side: 'publish',
      exchange: route.exchange,
      routingKey,
      topic: route.topic,
      pipeline: route.pipeline,
      queue: '',
      reason,
      traceId,
    });
  }
}
