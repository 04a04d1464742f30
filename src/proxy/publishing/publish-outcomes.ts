import { CONFIRMED, HAS_SPAN, SPARED, TRACED } from '../../events/passage.ts';
import { COMMIT, CONFIRM, type OpenMessages, type Stretch } from '../open-messages/open-messages.ts';
import { type Ending, PassageTeller } from '../open-messages/passage-teller.ts';
import { PLAIN_PUBLISH, type SpanDetail, withReply } from '../open-messages/span-detail.ts';
import type { Plane } from '../plane/plane.ts';
import type { LossReason, PublishTally, UnknownReason } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import type { PublishNumbers } from './publish-numbers.ts';

const ROUTED: Ending = { settlement: '', outcome: 'success', reason: '', bits: 0 };
const ACKED: Ending = { ...ROUTED, bits: CONFIRMED };

/** The broker's words about a publish: a return's, or those of the close that ended it. */
export interface Reply {
  code: number;
  text: string;
}

export const NO_REPLY: Reply = { code: 0, text: '' };

/**
 * How the publishes of one channel end: each is counted once, and told of if it has something to tell or went wrong.
 * All are called with open messages that were just taken from the store.
 */
export class PublishOutcomes {
  readonly #plane: Plane;
  readonly #vhost: string;
  readonly #connection: number;
  readonly #channel: number;
  readonly #numbers: PublishNumbers;
  readonly #teller: PassageTeller<PublishTally>;
  /** returns of publishes whose confirm or commit is still to come, by sequence */
  readonly #returns = new Map<number, Reply>();

  constructor(
    plane: Plane,
    vhost: string,
    connection: number,
    channel: number,
    open: OpenMessages<PublishTally>,
    numbers: PublishNumbers,
  ) {
    this.#plane = plane;
    this.#vhost = vhost;
    this.#connection = connection;
    this.#channel = channel;
    this.#numbers = numbers;
    this.#teller = new PassageTeller(open, plane, connection, channel);
  }

  /** The broker has them; `confirmed`: it said so. */
  succeeded(stretch: Stretch<PublishTally>, confirmed: boolean, now: number): void {
    const { tally } = stretch.route;
    const endedAt = endOf(stretch, now);
    const seconds = (endedAt - stretch.time) / 1000;
    if (confirmed) tally.confirmed(seconds, stretch.count);
    tally.succeeded(seconds, stretch.count);
    const { detail } = stretch;
    const ending = confirmed ? ACKED : ROUTED;
    if (detail === undefined) {
      this.#teller.unremarkable(stretch, endedAt, ending, PLAIN_PUBLISH);
      return;
    }
    this.#tellEnded(stretch, endedAt, ending);
    for (let i = 0; i < stretch.count; i++) this.#tellOne(stretch, i, detail);
  }

  /** The broker confirmed or committed what it had sent back, or refused it: lost, unless configuration expects that. */
  lost(stretch: Stretch<PublishTally>, reason: LossReason, confirmed: boolean, now: number, reply = NO_REPLY): void {
    const { route } = stretch;
    const endedAt = endOf(stretch, now);
    const seconds = (endedAt - stretch.time) / 1000;
    if (confirmed) route.tally.confirmed(seconds, stretch.count);
    const isExpected = this.#isExpected(route, reason);
    const bits = confirmed ? CONFIRMED : 0;
    const success = confirmed ? ACKED : ROUTED;
    this.#tellEnded(stretch, endedAt, isExpected ? success : { ...FAILED, reason, bits });
    for (let i = 0; i < stretch.count; i++) {
      if (isExpected) route.tally.unroutedAsExpected();
      else this.#countLost(route, reason, seconds);
      const returned = this.#takeReturn(stretch, i);
      // what is expected is told only if it is sampled, as any success
      if (isExpected && returned === undefined && stretch.detail === undefined) continue;
      this.#tell(stretch, i, returned ?? reply);
    }
  }

  /** The broker refused them: lost, unless a queue that refused them may have dead-lettered them. */
  nacked(stretch: Stretch<PublishTally>, now: number): void {
    const { exchange, routingKey, tally, treatment } = stretch.route;
    const isSpared =
      treatment.deadLetters || this.#plane.facts.queues.deadLettersRefused(this.#vhost, exchange, routingKey);
    if (!isSpared) {
      this.lost(stretch, 'nacked', true, now);
      return;
    }
    const seconds = (now - stretch.time) / 1000;
    tally.confirmed(seconds, stretch.count);
    this.#tellEnded(stretch, now, { ...FAILED, reason: 'nacked', bits: CONFIRMED | SPARED });
    for (let i = 0; i < stretch.count; i++) {
      tally.spared(seconds);
      this.#tell(stretch, i, this.#takeReturn(stretch, i) ?? NO_REPLY);
    }
  }

  /** They came back; what becomes of them is for their confirm or commit to say. */
  returned(sequence: number, reply: Reply): void {
    this.#returns.set(sequence, reply);
  }

  unknown(stretch: Stretch<PublishTally>, reason: UnknownReason, now: number, reply = NO_REPLY): void {
    stretch.route.tally.unknown(reason, stretch.count);
    const endedAt = endOf(stretch, now);
    const ending = { ...UNKNOWN, reason };
    if (stretch.detail === undefined) this.#teller.unremarkable(stretch, endedAt, ending, PLAIN_PUBLISH);
    this.#tellEnded(stretch, endedAt, ending);
    for (let i = 0; i < stretch.count; i++) {
      const returned = this.#takeReturn(stretch, i);
      if (stretch.detail !== undefined) this.#tell(stretch, i, returned ?? reply);
    }
  }

  /** They were never published: a transaction was rolled back. */
  undone(stretch: Stretch<PublishTally>): void {
    if (stretch.returned) for (let i = 0; i < stretch.count; i++) this.#returns.delete(stretch.first + i);
  }

  /** A fault kept one from the broker. */
  dropped(stretch: Stretch<PublishTally>, fault: string, now: number): void {
    const { detail, route } = stretch;
    this.#countLost(route, 'fault', (now - stretch.time) / 1000);
    const { more } = PLAIN_PUBLISH;
    stretch.detail = detail ?? { ...PLAIN_PUBLISH, more: { ...more, fault } };
    this.#tellEnded(stretch, now, { ...FAILED, reason: 'fault' });
    this.#tell(stretch, 0, NO_REPLY);
  }

  /**
   * One of several was lost: counted, but neither the span of this one nor anything else may claim to be it.
   * `routingKey`: '' unless all of them have the same. `reply`: of the close that says so.
   */
  lostAmong(stretch: Stretch<PublishTally>, reason: LossReason, routingKey: string, now: number, reply: Reply): void {
    const endedAt = endOf(stretch, now);
    this.#countLost(stretch.route, reason, (endedAt - stretch.time) / 1000);
    this.#tellLost(stretch.route, reason, routingKey, '', now);
    if (stretch.detail === undefined) return;
    this.#tellEnded(stretch, endedAt, { ...UNKNOWN, reason: 'channel_error' });
    this.#tell(stretch, 0, reply);
  }

  /** Lost after all: it was counted as a success before. */
  lostLate(route: Route<PublishTally>, reason: LossReason, routingKey: string, traceId: string, now: number): void {
    if (this.#isExpected(route, reason)) {
      route.tally.unroutedAsExpected();
      return;
    }
    route.tally.lostLate(reason);
    route.hop.lost();
    this.#tellLost(route, reason, routingKey, traceId, now);
  }

  #isExpected({ treatment }: Route<PublishTally>, reason: LossReason): boolean {
    return reason === 'unroutable' && treatment.unroutableExpected;
  }

  #countLost({ tally, hop }: Route<PublishTally>, reason: LossReason, seconds: number): void {
    tally.lost(reason, seconds);
    hop.lost();
  }

  #takeReturn(stretch: Stretch<PublishTally>, i: number): Reply | undefined {
    if (!stretch.returned) return undefined;
    const reply = this.#returns.get(stretch.first + i);
    this.#returns.delete(stretch.first + i);
    return reply;
  }

  #tellEnded(stretch: Stretch<PublishTally>, endedAt: number, ending: Ending): void {
    this.#teller.ended(stretch, endedAt, ending, (stretch.passageBits & TRACED) === 0 ? 0 : HAS_SPAN);
  }

  #tell(stretch: Stretch<PublishTally>, i: number, { code, text }: Reply): void {
    const detail = stretch.detail ?? PLAIN_PUBLISH;
    this.#tellOne(stretch, i, code === 0 && text === '' ? detail : withReply(detail, code, text));
  }

  #tellOne(stretch: Stretch<PublishTally>, i: number, detail: SpanDetail): void {
    this.#teller.tell(stretch, i, detail, this.#numbers.appNumber(stretch.first + i));
  }

  /** A loss that no passage tells of. */
  #tellLost(route: Route<PublishTally>, reason: LossReason, routingKey: string, traceId: string, now: number): void {
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

const FAILED = { settlement: '', outcome: 'failed', bits: 0 } as const;
const UNKNOWN = { settlement: '', outcome: 'unknown', bits: 0 } as const;

/**
 * When a publish ended: when the broker answered, if it is one that the broker answers. Any other ended when the kernel
 * had its last byte, though that this was a success is known only later.
 */
function endOf({ awaits, flushedAt }: Stretch<PublishTally>, now: number): number {
  if ((awaits & (CONFIRM | COMMIT)) !== 0) return now;
  return flushedAt <= now ? flushedAt : now;
}
