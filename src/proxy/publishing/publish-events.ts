import type { PublishEnded } from '../../events/lifecycle.ts';
import { CONFIRMED, HAS_PARENT, HAS_SPAN, type More, newPassage, SAMPLED, TRACED } from '../../events/passage.ts';
import type { Passed } from '../open-messages/window.ts';
import type { Plane } from '../plane/plane.ts';
import type { LossReason, PublishTally, UnknownReason } from '../ports/observer.ts';
import { PassageNames } from '../routing/route-names.ts';
import type { Route } from '../routing/routes.ts';

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

/** Tells of one channel's publishes: those sampled, and those gone wrong. */
export class PublishEvents {
  readonly #plane: Plane;
  readonly #connection: number;
  readonly #channel: number;
  readonly #names: PassageNames;
  readonly #passage = newPassage();

  constructor(plane: Plane, connection: number, channel: number) {
    this.#plane = plane;
    this.#connection = connection;
    this.#channel = channel;
    this.#names = new PassageNames(connection, channel);
  }

  /** `sequence`: as the app numbers its publishes. Nothing is told of one without detail. */
  ended(publish: Passed<PublishTally>, sequence: number, endedAt: number, end: End): void {
    const { detail, bits } = publish;
    if (detail === undefined) return;
    const { clock, observer } = this.#plane;
    const passage = this.#passage;
    passage.names = this.#names.of(publish.route, detail);
    passage.bits =
      (bits & (HAS_PARENT | TRACED | SAMPLED)) |
      ((bits & TRACED) === 0 ? 0 : HAS_SPAN) |
      (end.confirmed ? CONFIRMED : 0);
    passage.ids = publish.ids;
    passage.idsAt = publish.idsAt;
    passage.startedAt = clock.micros(publish.time);
    passage.endedAt = clock.micros(endedAt);
    passage.bodySize = publish.size;
    passage.number = sequence;
    passage.outcome = end.outcome;
    passage.reason = end.reason;
    passage.more = end.code === 0 && end.reply === '' ? detail.more : withReply(detail.more, end);
    observer.ended(passage);
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

/** A return says more than the end. */
const withReply = (more: More, { code, reply }: End): More => ({
  ...more,
  replyCode: more.replyCode || code,
  replyText: more.replyText || reply,
});
