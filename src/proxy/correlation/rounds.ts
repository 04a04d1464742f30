import type { TraceContext } from '../ports/interceptor.ts';
import { type Hash, KeyHash } from './key-hash.ts';
import type { SharedSlots } from './shared-slots.ts';

/** In flags: the attempt; and this, once the message is known as poisonous. */
const POISON = 1 << 30;
const ATTEMPT = POISON - 1;

/** What was seen of a message before it is delivered once more. */
export interface Seen {
  /** its last attempt; 0: nothing was seen */
  attempt: number;
  /** when that ended, microseconds since the epoch: the message has been in queues since */
  endedAt: number;
}

/**
 * How often messages that did not succeed were delivered out of a queue. A message is its trace context, which stays with
 * it when it is requeued or dead-lettered; without one its message id.
 */
export class Rounds {
  readonly #slots: SharedSlots;
  readonly #key = new KeyHash();
  readonly #seen: Seen = { attempt: 0, endedAt: 0 };

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
    const slots = this.#slots;
    if (!slots.isUsed) return seen;
    const bucket = slots.enter(key);
    if (bucket < 0) return seen;
    const slot = slots.find(bucket, key);
    if (slot >= 0) {
      seen.attempt = slots.flags(slot) & ATTEMPT;
      seen.endedAt = slots.until(slot);
    }
    slots.leave(bucket);
    return seen;
  }

  /** An attempt ended without success. */
  ended(key: Hash, attempt: number, micros: number): void {
    const slots = this.#slots;
    const bucket = slots.enter(key);
    if (bucket < 0) return;
    const known = slots.find(bucket, key);
    const slot = known < 0 ? slots.place(bucket) : known;
    slots.fill(slot, key, attempt | (known < 0 ? 0 : slots.flags(known) & POISON), 0, micros);
    slots.end(slot, micros);
    slots.leave(bucket);
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
