import { HAS_SPAN, NOTHING_MORE, SAMPLED, TRACED } from '../../events/passage.ts';
import type { OpenMessages, Stretch } from '../open-messages/open-messages.ts';
import { type Ending, PassageTeller } from '../open-messages/passage-teller.ts';
import type { Remembered } from '../open-messages/run.ts';
import { named, type SpanDetail, withRound } from '../open-messages/span-detail.ts';
import type { Plane } from '../plane/plane.ts';
import type { DeliveryTally } from '../ports/observer.ts';
import { STREAM_READ } from './delivery-marks.ts';
import { isOver } from './slow-message.ts';

/** Of one of which nothing was to be told. */
const UNTOLD: SpanDetail = { via: 'deliver', consumerTag: '', more: NOTHING_MORE };
/** The same, with what is remembered of it. */
const untold = (remembered: Remembered | undefined): SpanDetail =>
  remembered === undefined ? UNTOLD : { ...UNTOLD, more: withRound(named(remembered), remembered) };
/** Of one that is delivered more often, the whole story is of interest. */
const MOST_ATTEMPTS = 2;

type Deliveries = Stretch<DeliveryTally>;

/** Tells of the deliveries of one store how they ended: of sampled ones, of those gone wrong, and of unsampled ones that are kept. */
export class DeliveryTeller {
  readonly #plane: Plane;
  readonly #passages: PassageTeller<DeliveryTally>;
  readonly #hasTags: boolean;

  /** `hasTags`: their numbers are their delivery tags, and worth telling. */
  constructor(
    plane: Plane,
    open: OpenMessages<DeliveryTally>,
    connection: number,
    channel: number,
    hasTags: boolean = true,
  ) {
    this.#plane = plane;
    this.#passages = new PassageTeller(open, plane, connection, channel);
    this.#hasTags = hasTags;
  }

  /** They ended at `now`, and nothing is wrong with that. Returns how many were told of: the first of them. */
  ended(stretch: Deliveries, ending: Ending, now: number): number {
    const { detail, count } = stretch;
    if (detail !== undefined) {
      this.#ended(stretch, ending, now);
      for (let i = 0; i < count; i++) this.#tell(stretch, i, detail);
      return count;
    }
    this.#passages.unremarkable(stretch, now, ending, UNTOLD);
    return this.#keep(stretch, ending, now);
  }

  /** Something went wrong with each of them: sampled or not, they are told of; `also` is called for each. */
  failed(stretch: Deliveries, ending: Ending, now: number, also: () => void): void {
    const detail = stretch.detail ?? untold(stretch.remembered);
    this.#ended(stretch, ending, now);
    for (let i = 0; i < stretch.count; i++) {
      also();
      this.#tell(stretch, i, detail);
    }
  }

  /** Unsampled messages that were slow, or came again and again, are told of all the same, and to their end. */
  #keep(stretch: Deliveries, ending: Ending, now: number): number {
    const { route, remembered, latency, time, passageBits, marks, count } = stretch;
    const isAgain = remembered !== undefined && (remembered.attempt > MOST_ATTEMPTS || remembered.isTold);
    const isSlow = isOver(latency + (now - time) / 1000, route, this.#plane.options.slowAfter);
    if (!(isSlow || isAgain) || (passageBits & TRACED) === 0 || (marks & STREAM_READ) !== 0) return 0;
    const kept = this.#plane.keeping.take(count, now);
    if (kept === 0) return 0;
    const detail = untold(remembered);
    this.#ended(stretch, ending, now);
    for (let i = 0; i < kept; i++) this.#tell(stretch, i, detail);
    return kept;
  }

  #ended(stretch: Deliveries, ending: Ending, now: number): void {
    const spanBit = (stretch.passageBits & SAMPLED) === 0 ? 0 : HAS_SPAN;
    this.#passages.ended(stretch, now, ending, spanBit);
  }

  #tell(stretch: Deliveries, i: number, detail: SpanDetail): void {
    this.#passages.tell(stretch, i, detail, this.#hasTags ? stretch.first + i : 0);
  }
}
