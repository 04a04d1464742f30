import type { ContentHeader } from '../../amqp/content.ts';
import type { Cause, Evidence, TraceContext } from '../ports/interceptor.ts';
import type { Route } from '../routing/routes.ts';
import { type Hash, KeyHash } from './key-hash.ts';
import { type SharedSlots, SLOT_IDS } from './shared-slots.ts';

/** The delivery's span is recorded. */
const SAMPLED = 1;
const ANSWERED = 2;
/** Several of that key that are not the same message were delivered, and not answered: whose answer comes is not known. */
const SEVERAL = 4;

/** µs after which an unanswered request of a key does not stand in the way of a new one. */
const STALE = 30e6;
/** Words of a trace id, the delivery's span and that of the message's context. */
const IDS = 8;

/**
 * Requests that were delivered to apps, each a message with a reply-to, for the trace of what answers them. They stay
 * when they are answered, for there may be several answers, until others need their place.
 */
export class Requests {
  readonly #slots: SharedSlots;
  readonly #limited: () => void;
  readonly #key = new KeyHash();

  /** `limited` is told of each request that is forgotten before its answer because there are too many. */
  constructor(slots: SharedSlots, limited: () => void) {
    this.#slots = slots;
    this.#limited = limited;
  }

  /** What the keys of an app's requests begin with: its connections answer for each other. */
  app(vhost: string, app: string): Hash {
    return new KeyHash().start(this.#slots.seed).text(vhost).text(app).copy();
  }

  /** A message with a reply-to goes to the app; `context` holds its trace, and `hasSpan` says whether its own span is of it. */
  delivered(
    app: Hash,
    connection: number,
    header: ContentHeader,
    context: TraceContext,
    hasSpan: boolean,
    micros: number,
  ): void {
    const { buf } = header;
    const address = header.propertyAt('replyTo');
    if (address < 0) return;
    const correlation = header.propertyAt('correlationId');
    const key = this.#key.start(app).part(buf, address, address + buf[address - 1]);
    this.#keep(withCorrelation(key, buf, correlation), connection, context, hasSpan, micros);
    if (correlation >= 0)
      this.#keep(byCorrelation(key.start(app), buf, correlation), connection, context, hasSpan, micros);
  }

  #keep(key: Hash, connection: number, context: TraceContext, hasSpan: boolean, micros: number): void {
    const slots = this.#slots;
    const bucket = slots.enter(key);
    if (bucket < 0) {
      this.#limited();
      return;
    }
    const known = slots.find(bucket, key);
    if (known >= 0 && !this.#isOf(known, context) && this.#isAwaited(known, micros)) this.#another(known);
    else {
      // the same message, to two connections: what answers it comes of it, and of which of the two is not known
      const isTwice = known >= 0 && this.#isOf(known, context) && slots.owner(known) !== connection;
      const slot = known < 0 ? slots.place(bucket) : known;
      if (known < 0 && this.#isAwaited(slot, micros)) this.#limited();
      slots.fill(slot, key, context.sampled ? SAMPLED : 0, connection, micros);
      this.#write(slot, context, hasSpan && !isTwice);
    }
    slots.leave(bucket);
  }

  #isAwaited(slot: number, micros: number): boolean {
    const slots = this.#slots;
    return !slots.isEmpty(slot) && (slots.flags(slot) & ANSWERED) === 0 && micros - slots.since(slot) < STALE;
  }

  /** How many unanswered ones there are stands where others have their end. */
  #another(slot: number): void {
    const slots = this.#slots;
    slots.setFlags(slot, slots.flags(slot) | SEVERAL);
    slots.end(slot, Math.max(1, slots.until(slot)) + 1);
  }

  #isOf(slot: number, { ids, at, hasParent }: TraceContext): boolean {
    if (!hasParent) return false;
    const kept = this.#slots.ids;
    const from = slot + SLOT_IDS;
    for (let i = 0; i < 4; i++) if (kept[from + i] !== ids[at + i]) return false;
    return kept[from + 6] === ids[at + 6] && kept[from + 7] === ids[at + 7];
  }

  #write(slot: number, { ids, at, hasParent }: TraceContext, hasSpan: boolean): void {
    const kept = this.#slots.ids;
    const to = slot + SLOT_IDS;
    for (let i = 0; i < 4; i++) kept[to + i] = ids[at + i];
    for (let i = 0; i < 2; i++) {
      kept[to + 6 + i] = hasParent ? ids[at + 6 + i] : 0;
      kept[to + 4 + i] = hasSpan ? ids[at + 4 + i] : kept[to + 6 + i];
    }
  }

  get areThere(): boolean {
    return this.#slots.isUsed;
  }

  /** The request that a publish with such a header and route answers. */
  answeredBy(app: Hash, header: ContentHeader, { key: names, answers }: Route<unknown>): Cause | undefined {
    const { buf } = header;
    const correlation = header.propertyAt('correlationId');
    if (correlation < 0 && !answers) return undefined;
    const key = this.#key.start(app).part(names, 2 + names[0], names.length);
    const reply = this.#answer(withCorrelation(key, buf, correlation), 'reply');
    if (correlation < 0) return reply;
    const other = this.#answer(byCorrelation(key.start(app), buf, correlation), 'correlation_id');
    return reply ?? other;
  }

  #answer(key: Hash, evidence: Evidence): Cause | undefined {
    const slots = this.#slots;
    const bucket = slots.enter(key);
    if (bucket < 0) return undefined;
    const slot = slots.find(bucket, key);
    const cause = slot < 0 ? undefined : this.#causeOf(slot, evidence);
    slots.leave(bucket);
    return cause;
  }

  #causeOf(slot: number, evidence: Evidence): Cause | undefined {
    const slots = this.#slots;
    const flags = slots.flags(slot);
    if ((flags & SEVERAL) !== 0) {
      const left = slots.until(slot) - 1;
      if (left > 0) slots.end(slot, left);
      else slots.clear(slot);
      return undefined;
    }
    slots.setFlags(slot, flags | ANSWERED);
    const from = slot + SLOT_IDS;
    return { evidence, ids: slots.ids.slice(from, from + IDS), sampled: (flags & SAMPLED) !== 0, adopts: true };
  }
}

function withCorrelation(key: KeyHash, buf: Uint8Array, at: number): KeyHash {
  return at < 0 ? key.part(buf, 0, 0) : key.part(buf, at, at + buf[at - 1]);
}

/** Whatever the address: an answer may take another way back. */
function byCorrelation(key: KeyHash, buf: Uint8Array, at: number): KeyHash {
  return key.number(1).part(buf, at, at + buf[at - 1]);
}
