import { HAS_PARENT, newPassage, type Passage, REDELIVERED, SAMPLED, TRACED, WATCHED } from '../../events/passage.ts';
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

/** Of which topics messages are told of although there is nothing to tell (plane/watch.ts). */
export interface WatchedTopics {
  readonly isOn: boolean;
  take(topic: string, count: number): number;
}

/** Tells of the messages of one channel and direction how they ended: those sampled, and those gone wrong. */
export class PassageTeller<T> {
  readonly #open: OpenMessages<T>;
  readonly #observer: Observer;
  readonly #clock: Clock;
  readonly #watch: WatchedTopics;
  readonly #names: RouteNames;
  /** of those that are only watched: no more is known of them than their route, and the others' names must not change for it */
  readonly #watched: RouteNames;
  readonly #passage = newPassage();

  constructor(
    open: OpenMessages<T>,
    { observer, clock, watch }: { observer: Observer; clock: Clock; watch: WatchedTopics },
    connection: number,
    channel: number,
  ) {
    this.#open = open;
    this.#observer = observer;
    this.#clock = clock;
    this.#watch = watch;
    this.#watched = new RouteNames(connection, channel);
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
    this.#passage.names = this.#names.of(stretch.route, detail);
    this.#tell(stretch, i, detail, number);
  }

  /**
   * Messages of `stretch` ended, of which there is nothing to tell, unless somebody watches them. Whoever watches sees
   * neither consumer nor message id.
   */
  unremarkable(stretch: Stretch<T>, endedAt: number, ending: Ending, detail: SpanDetail): void {
    if (!this.#watch.isOn) return;
    const count = this.#watch.take(stretch.route.topic, stretch.count);
    if (count === 0) return;
    this.ended(stretch, endedAt, ending, 0);
    this.#passage.bits |= WATCHED;
    this.#passage.names = this.#watched.of(stretch.route, detail);
    for (let i = 0; i < count; i++) this.#tell(stretch, i, detail, stretch.first + i);
  }

  #tell(stretch: Stretch<T>, i: number, detail: SpanDetail, number: number): void {
    const passage = this.#passage;
    passage.idsAt = this.#open.idsAt(stretch, i);
    passage.bodySize = this.#open.sizeOf(stretch, i);
    passage.number = number;
    passage.more = detail.more;
    this.#observer.ended(passage);
  }
}
