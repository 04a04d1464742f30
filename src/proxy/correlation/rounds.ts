import type { EarlierAttempt } from '../../events/passage.ts';
import type { TraceContext } from '../ports/interceptor.ts';
import type { RequeueReason } from '../ports/observer.ts';
import { type Hash, KeyHash } from './key-hash.ts';
import { type SharedSlots, SLOT_TIMES } from './shared-slots.ts';

/** In flags: the attempt; whether the message is known as poisonous; whether an attempt of it was told of. */
const POISON = 1 << 30;
const TOLD = 1 << 29;
const ATTEMPT = TOLD - 1;

/** Attempts that were not told of, with two times each: those before a message is of interest for being delivered so often. */
const MOST_EARLIER = SLOT_TIMES / 2;
/** In the owner's place, so many bits for each of them: its number, and how it ended. */
const BITS = 12;
const MOST_NUMBER = 255;
const NOTHING_EARLIER: readonly EarlierAttempt[] = [];
const REASONS: readonly RequeueReason[] = [
  'reject',
  'nack',
  'recover',
  'consumer_cancelled',
  'channel_closed',
  'connection_closed',
];

/** What was seen of a message before it is delivered once more. */
export interface Seen {
  /** its last attempt; 0: nothing was seen */
  attempt: number;
  /** when that ended, microseconds since the epoch: the message has been in queues since */
  endedAt: number;
  /** attempts of it were told of */
  isTold: boolean;
  /** those that were not, since one was */
  earlier: readonly EarlierAttempt[];
}

/** An attempt that ended without success. */
export interface Attempt {
  number: number;
  /** microseconds since the epoch */
  startedAt: number;
  endedAt: number;
  /** how its message went back to its queue; undefined: it is told of, whatever it was */
  untold: RequeueReason | undefined;
}

/**
 * How often messages that did not succeed were delivered out of a queue. A message is its trace context, which stays with
 * it when it is requeued or dead-lettered; without one its message id.
 */
export class Rounds {
  readonly #slots: SharedSlots;
  readonly #key = new KeyHash();
  readonly #seen: Seen = { attempt: 0, endedAt: 0, isTold: false, earlier: NOTHING_EARLIER };

  constructor(slots: SharedSlots) {
    this.#slots = slots;
  }

  /** What the keys of a queue's messages begin with. */
  queue(vhost: string, queue: string): Hash {
    return new KeyHash().start(this.#slots.seed).text(vhost).text(queue).copy();
  }

  /** Of a message by its context, in `ids` as TraceContext has them. The result is valid until the next call. */
  byContext(queue: Hash, { ids, at }: Pick<TraceContext, 'ids' | 'at'>): Hash {
    const key = this.#key.start(queue);
    for (let i = 0; i < 8; i++) if (i < 4 || i > 5) key.number(ids[at + i]);
    return key;
  }

  byMessageId(queue: Hash, id: string): Hash {
    return this.#key.start(queue).text(id);
  }

  /** What was seen of it. The object is reused. */
  seen(key: Hash): Readonly<Seen> {
    const seen = this.#seen;
    seen.attempt = seen.endedAt = 0;
    seen.isTold = false;
    seen.earlier = NOTHING_EARLIER;
    const slots = this.#slots;
    if (!slots.isUsed) return seen;
    const bucket = slots.enter(key);
    if (bucket < 0) return seen;
    const slot = slots.find(bucket, key);
    if (slot >= 0) {
      seen.attempt = slots.flags(slot) & ATTEMPT;
      seen.endedAt = slots.until(slot);
      seen.isTold = (slots.flags(slot) & TOLD) !== 0;
      seen.earlier = this.#earlier(slot);
    }
    slots.leave(bucket);
    return seen;
  }

  ended(key: Hash, { number, startedAt, endedAt, untold }: Attempt): void {
    const slots = this.#slots;
    const bucket = slots.enter(key);
    if (bucket < 0) return;
    const known = slots.find(bucket, key);
    const slot = known < 0 ? slots.place(bucket) : known;
    const flags = known < 0 ? 0 : slots.flags(known) & ~ATTEMPT;
    const earlier = known < 0 ? 0 : slots.owner(known);
    if (untold === undefined) slots.fill(slot, key, flags | TOLD | number, 0, endedAt);
    else {
      const place = (earlier & (2 ** BITS - 1)) === 0 ? 0 : 1;
      const isFull = place === MOST_EARLIER - 1 && earlier >>> BITS !== 0;
      const added = (Math.min(number, MOST_NUMBER) << 4) | REASONS.indexOf(untold);
      slots.fill(slot, key, flags | number, isFull ? earlier : earlier | (added << (place * BITS)), endedAt);
      if (!isFull) {
        slots.setTime(slot, place * 2, startedAt);
        slots.setTime(slot, place * 2 + 1, endedAt);
      }
    }
    slots.end(slot, endedAt);
    slots.leave(bucket);
  }

  #earlier(slot: number): readonly EarlierAttempt[] {
    const slots = this.#slots;
    const all = slots.owner(slot);
    if (all === 0) return NOTHING_EARLIER;
    const earlier: EarlierAttempt[] = [];
    for (let place = 0; place < MOST_EARLIER; place++) {
      const one = (all >>> (place * BITS)) & (2 ** BITS - 1);
      if (one === 0) break;
      const [startedAt, endedAt] = [slots.time(slot, place * 2), slots.time(slot, place * 2 + 1)];
      earlier.push({ attempt: one >>> 4, startedAt, endedAt, settlement: REASONS[one & 15] });
    }
    return earlier;
  }

  /** It has been tried too often: true when that is told for the first time. */
  poisons(key: Hash, attempt: number, micros: number): boolean {
    const slots = this.#slots;
    const bucket = slots.enter(key);
    if (bucket < 0) return false;
    const known = slots.find(bucket, key);
    const isNew = known < 0 || (slots.flags(known) & POISON) === 0;
    if (known < 0) slots.fill(slots.place(bucket), key, attempt | POISON, 0, micros);
    else slots.setFlags(known, slots.flags(known) | POISON);
    slots.leave(bucket);
    return isNew;
  }
}
