import { HAS_PARENT, newPassage, type Passage, REDELIVERED, SAMPLED, TRACED } from '../../events/passage.ts';
import type { Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';
import { RouteNames } from '../routing/route-names.ts';
import type { OpenMessages, Stretch } from './open-messages.ts';
import type { SpanDetail } from './span-detail.ts';

/** How a message ended, as its passage says it. */
export interface Ending extends Pick<Passage, 'settlement' | 'outcome' | 'reason'> {
  /** CONFIRMED and LOST of events/passage.ts */
  readonly bits: number;
}

/** Tells of the messages of one channel and direction how they ended: those sampled, and those gone wrong. */
export class PassageTeller<T> {
  readonly #open: OpenMessages<T>;
  readonly #observer: Observer;
  readonly #clock: Clock;
  readonly #names: RouteNames;
  readonly #passage = newPassage();

  constructor(open: OpenMessages<T>, observer: Observer, clock: Clock, connection: number, channel: number) {
    this.#open = open;
    this.#observer = observer;
    this.#clock = clock;
    this.#names = new RouteNames(connection, channel);
  }

  /**
   * Messages of `stretch` ended at `endedAt`, ms of the monotonic clock: `tell` says which. What they have in common is
   * noted once, as a time that is handed on is an allocation. `spanBit`: HAS_SPAN if they have span ids.
   */
  ended(stretch: Stretch<T>, endedAt: number, ending: Ending, spanBit: number): void {
    const passage = this.#passage;
    passage.bits = (stretch.passageBits & (HAS_PARENT | TRACED | SAMPLED | REDELIVERED)) | spanBit | ending.bits;
    passage.ids = this.#open.ids;
    passage.startedAt = this.#clock.micros(stretch.time);
    passage.endedAt = this.#clock.micros(endedAt);
    passage.latency = stretch.latency;
    passage.settlement = ending.settlement;
    passage.outcome = ending.outcome;
    passage.reason = ending.reason;
  }

  /** The `i`th message of the stretch that `ended` was called with last. `number`: as the app knows it. */
  tell(stretch: Stretch<T>, i: number, detail: SpanDetail, number: number): void {
    const passage = this.#passage;
    passage.names = this.#names.of(stretch.route, detail);
    passage.idsAt = this.#open.idsAt(stretch, i);
    passage.bodySize = this.#open.sizeOf(stretch, i);
    passage.number = number;
    passage.more = detail.more;
    this.#observer.ended(passage);
  }
}
