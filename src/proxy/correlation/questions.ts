import type { ContentHeader } from '../../amqp/content.ts';
import type { PublishTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import { type Hash, KeyHash } from './key-hash.ts';
import type { SharedSlots } from './shared-slots.ts';

/** The address of an app that wants its answers on the channel it asks on. */
const DIRECT = 'amq.rabbitmq.reply-to';
const DIRECT_BYTES = Buffer.from(DIRECT);

/** Several questions of one key are open: whose answer comes is not known. */
const SEVERAL = 1;
/** No answer came in time. */
const GIVEN_UP = 2;

/** What only the thread that saw a question knows of it. */
interface Question {
  readonly a: number;
  readonly b: number;
  readonly address: Hash;
  readonly askedAt: number;
  readonly tally: PublishTally;
  gaveUp: boolean;
}

/**
 * Questions that apps ask, each a publish with a reply-to, until their answer is delivered. A question is its address and
 * its correlation id; each is counted once by the thread that saw it, whichever thread sees the answer.
 */
export class Questions {
  readonly #slots: SharedSlots;
  /** addresses at which somebody listens */
  readonly #listeners: SharedSlots;
  readonly #thread: number;
  readonly #limited: () => void;
  /** by slot */
  readonly #asked = new Map<number, Question>();
  readonly #key = new KeyHash();

  /** `limited` is told of each question that is forgotten because there are too many. */
  constructor(slots: SharedSlots, listeners: SharedSlots, thread: number, limited: () => void) {
    this.#slots = slots;
    this.#listeners = listeners;
    this.#thread = thread;
    this.#limited = limited;
  }

  /** What the addresses of a vhost begin with. */
  vhost(name: string): Hash {
    return new KeyHash().start(this.#slots.seed).text(name).copy();
  }

  /** The address that a consumer of this queue listens at. */
  address(vhost: Hash, queue: string, connection: number, channel: number): Hash {
    const key = new KeyHash().start(vhost).text(queue);
    return (queue === DIRECT ? key.number(connection).number(channel) : key).copy();
  }

  /** Somebody listens at this address. */
  listens(address: Hash, micros: number): void {
    const slots = this.#listeners;
    const bucket = slots.enter(address);
    if (bucket < 0) return;
    const known = slots.find(bucket, address);
    slots.fill(known < 0 ? slots.place(bucket) : known, address, 0, 0, micros);
    slots.leave(bucket);
  }

  /** A publish with a reply-to passed at `micros`. */
  asked(
    vhost: Hash,
    connection: number,
    channel: number,
    header: ContentHeader,
    tally: PublishTally,
    micros: number,
  ): void {
    const { buf } = header;
    const address = header.propertyAt('replyTo');
    if (address < 0) return;
    const end = address + buf[address - 1];
    const isDirect = isSame(DIRECT_BYTES, buf, address, end);
    const correlation = header.propertyAt('correlationId');
    // nothing would tell its answer from others
    if (correlation < 0 && !isDirect) return;
    const key = this.#key.start(vhost).part(buf, address, end);
    if (isDirect) key.number(connection).number(channel);
    const listened = key.copy();
    this.#ask(withCorrelation(key, buf, correlation), listened, tally, micros);
  }

  #ask(key: Hash, address: Hash, tally: PublishTally, micros: number): void {
    const { a, b } = key;
    const slots = this.#slots;
    const bucket = slots.enter(key);
    if (bucket < 0) {
      this.#limited();
      return;
    }
    const known = slots.find(bucket, key);
    const isOpen = known >= 0 && (slots.flags(known) & GIVEN_UP) === 0 && slots.until(known) === 0;
    if (isOpen) slots.setFlags(known, slots.flags(known) | SEVERAL);
    else {
      const slot = known < 0 ? slots.place(bucket) : known;
      this.#forget(slot);
      slots.fill(slot, key, 0, this.#thread, micros);
      this.#asked.set(slot, { a, b, address, askedAt: micros, tally, gaveUp: false });
    }
    slots.leave(bucket);
  }

  /** Its slot is another's now. */
  #forget(slot: number): void {
    const question = this.#asked.get(slot);
    if (question === undefined) return;
    this.#asked.delete(slot);
    if (!question.gaveUp) this.#limited();
  }

  /**
   * A delivery to who listens at `address` may be an answer. So may one whose routing key is the address: there are
   * exchanges in between, and queues of other names behind them.
   */
  answered(
    vhost: Hash,
    address: Hash,
    { key: names, routingKey, queue }: Route<unknown>,
    header: ContentHeader,
    micros: number,
  ): void {
    const correlation = header.propertyAt('correlationId');
    const { buf } = header;
    if (this.#answer(withCorrelation(this.#key.start(address), buf, correlation), micros)) return;
    if (routingKey === queue || correlation < 0) return;
    const key = this.#key.start(vhost).part(names, 2 + names[0], names.length);
    this.#answer(withCorrelation(key, buf, correlation), micros);
  }

  get areAsked(): boolean {
    return this.#slots.isUsed;
  }

  #answer(key: Hash, micros: number): boolean {
    const slots = this.#slots;
    const bucket = slots.enter(key);
    if (bucket < 0) return false;
    const slot = slots.find(bucket, key);
    if (slot >= 0 && slots.until(slot) === 0) {
      slots.end(slot, micros);
      // who asked may see to it at once
      if (slots.owner(slot) === this.#thread) this.#settle(slot);
    }
    slots.leave(bucket);
    return slot >= 0;
  }

  /** Its bucket is held, and its answer has come. */
  #settle(slot: number): void {
    const slots = this.#slots;
    const question = this.#asked.get(slot);
    this.#asked.delete(slot);
    const isSeveral = (slots.flags(slot) & SEVERAL) !== 0;
    const seconds = (slots.until(slot) - slots.since(slot)) / 1e6;
    slots.clear(slot);
    if (question?.gaveUp) question.tally.repliedLate();
    // which of them it was, and since when, nobody knows
    else if (!isSeveral) question?.tally.replied(Math.max(0, seconds));
  }

  /** Call it every quarter of a second. `timeout`: ms after which an answer is missing. */
  sweep(micros: number, timeout: number): void {
    const slots = this.#slots;
    for (const [slot, question] of this.#asked) {
      const bucket = slots.enter(question);
      if (bucket < 0) continue;
      if (!slots.has(slot, question.a, question.b)) this.#forget(slot);
      else if (slots.until(slot) > 0) this.#settle(slot);
      else if (!question.gaveUp && micros - question.askedAt > timeout * 1000) this.#giveUp(slot, question);
      slots.leave(bucket);
    }
  }

  #giveUp(slot: number, question: Question): void {
    question.gaveUp = true;
    const slots = this.#slots;
    const isSeveral = (slots.flags(slot) & SEVERAL) !== 0;
    slots.setFlags(slot, GIVEN_UP);
    if (!isSeveral && this.#isListenedAt(question.address)) question.tally.replyMissing();
  }

  /** Some clients name an address in all they publish, and most of them want no answer. */
  #isListenedAt(address: Hash): boolean {
    const slots = this.#listeners;
    const bucket = slots.enter(address);
    if (bucket < 0) return false;
    const slot = slots.find(bucket, address);
    slots.leave(bucket);
    return slot >= 0;
  }
}

function withCorrelation(key: KeyHash, buf: Uint8Array, at: number): KeyHash {
  return at < 0 ? key.part(buf, 0, 0) : key.part(buf, at, at + buf[at - 1]);
}

function isSame(bytes: Uint8Array, buf: Uint8Array, from: number, to: number): boolean {
  if (to - from !== bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (buf[from + i] !== bytes[i]) return false;
  return true;
}
