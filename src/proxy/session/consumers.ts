import { text } from '../../amqp/fields.ts';
import { Consumer } from '../delivering/consumer.ts';
import { CONSUMER } from '../delivering/delivery-marks.ts';
import { StreamReader } from '../delivering/stream-reader.ts';
import { same } from '../routing/routes.ts';
import type { ChannelContext } from './channel.ts';

/** Behind the consumer tag of a delivery: its delivery tag and `redelivered`, then its exchange and routing key. */
const NAMES = 9;
/** Consumers that the broker cancelled and may revive, and nameless ones no delivery has named yet: the oldest go first. */
const MOST_KEPT = 256;

/** How many more consumers of one connection are followed. */
export interface ConsumerBudget {
  left: number;
}

/** Consumers of a connection that are followed; deliveries to others pass uncounted. */
export const MAX_CONSUMERS = 8192;

/** The consumers of one channel by their tags; whoever starts or stops is told of, once. */
export class Consumers {
  readonly #context: ChannelContext;
  readonly #channel: number;
  readonly #byTag = new Map<string, Consumer>();
  /** found by the last delivery: the next one is mostly for the same */
  #last: Consumer | undefined;
  /**
   * Cancelled without an answer to wait for: deliveries may follow until the broker has answered what was asked after it.
   * Each with the value that `left` got by it.
   */
  readonly #leaving = new Map<Consumer, number>();
  #left = 0;
  /** all that the budget has been asked for */
  readonly #followed = new Set<Consumer>();
  /** the broker chose a tag that nobody is told of: the first delivery will tell */
  readonly #unnamed: Consumer[] = [];
  /** cancelled by the broker, which may deliver to them again */
  readonly #dormant = new Set<Consumer>();
  #numbers = 0;
  #hasEnded = false;

  constructor(context: ChannelContext, channel: number) {
    this.#context = context;
    this.#channel = channel;
  }

  /** Whose consumer tag, from `start` to `end` in the frame of a delivery, it is. */
  readonly find = (buf: Uint8Array, start: number, end: number): Consumer | undefined => {
    const last = this.#last;
    if (last !== undefined && same(last.key, buf, start, end)) return last;
    const tag = text(buf, start, end);
    const found = this.#byTag.get(tag) ?? this.#named(tag, buf, end);
    if (found === undefined) return undefined;
    if (found.elder !== undefined) return this.#meant(found, found.elder, buf, end);
    this.#last = found;
    return found;
  };

  /** Two have had the tag, and the broker may not have read yet that the elder one is cancelled. */
  #meant(consumer: Consumer, elder: Consumer, buf: Uint8Array, at: number): Consumer {
    const key = keyOnDefaultExchange(buf, at);
    if (key === elder.queue && key !== consumer.queue) return elder;
    // the elder one gets nothing behind this
    if (key === consumer.queue) consumer.elder = undefined;
    return consumer;
  }

  /** The first delivery of a consumer whose tag the broker chose: of several, its queue's if the message tells, else the oldest. */
  #named(tag: string, buf: Uint8Array, at: number): Consumer | undefined {
    if (this.#unnamed.length === 0) return undefined;
    const key = keyOnDefaultExchange(buf, at);
    const fitting = this.#unnamed.findIndex(({ queue }) => queue === key);
    const [unnamed] = this.#unnamed.splice(Math.max(0, fitting), 1);
    const { queue, noAck, number, stream } = unnamed;
    this.#release(unnamed);
    const consumer = this.#make(tag, queue, noAck, number, stream);
    if (consumer === undefined) return undefined;
    this.#byTag.set(tag, consumer);
    this.#tellStarted(consumer, this.#context.plane.clock.now());
    return consumer;
  }

  /** Where the answer to a basic.get comes from. */
  get(queue: string, noAck: boolean): Consumer {
    return new Consumer(this.#context.plane, this.#context, 'get', '', queue, noAck, 0);
  }

  /** Those that get deliveries now, or may. */
  *[Symbol.iterator](): Iterator<Consumer> {
    for (const consumer of this.#byTag.values()) if (!consumer.hasStopped) yield consumer;
    yield* this.#unnamed;
  }

  /** The plane's tables of routes are others now. */
  rerouted(): void {
    for (const consumer of this.#byTag.values()) {
      consumer.rerouted();
      consumer.elder?.rerouted();
    }
    for (const consumer of this.#unnamed) consumer.rerouted();
  }

  /** `asksForOffset`: it names an x-stream-offset to begin at. */
  started(tag: string, queue: string, noAck: boolean, asksForOffset: boolean, now: number): void {
    const before = this.#byTag.get(tag);
    const isLeaving = before !== undefined && this.#leaving.has(before);
    if (before !== undefined && !isLeaving) this.#remove(before);
    // of three that had one tag, nothing tells the eldest from the others
    if (before?.elder !== undefined) this.#remove(before.elder);
    const consumer = this.#make(tag, queue, noAck, this.#nextNumber(), this.#reader(asksForOffset));
    if (consumer === undefined) return;
    if (isLeaving) consumer.elder = before;
    if (before !== undefined) this.#dormant.delete(before);
    this.#byTag.set(tag, consumer);
    this.#last = undefined;
    this.#tellStarted(consumer, now);
  }

  /** Started without an answer to wait for, under a tag that the broker chooses. */
  startedUnnamed(queue: string, noAck: boolean, asksForOffset: boolean): void {
    if (this.#unnamed.length === MOST_KEPT) for (const oldest of this.#unnamed.splice(0, 1)) this.#release(oldest);
    const consumer = this.#make('', queue, noAck, this.#nextNumber(), this.#reader(asksForOffset));
    if (consumer !== undefined) this.#unnamed.push(consumer);
  }

  /** For a consumer that starts now. */
  #reader(asksForOffset: boolean): StreamReader {
    const { clock } = this.#context.plane;
    return new StreamReader(asksForOffset, clock.micros(clock.now()));
  }

  /** Undefined: there are too many on this connection. */
  #make(tag: string, queue: string, noAck: boolean, number: number, stream?: StreamReader): Consumer | undefined {
    const { plane, consumers: budget } = this.#context;
    if (budget.left === 0) {
      plane.observer.traffic.unobserved('consumers_full');
      return undefined;
    }
    budget.left--;
    const consumer = new Consumer(plane, this.#context, 'deliver', tag, queue, noAck, number, stream);
    this.#followed.add(consumer);
    return consumer;
  }

  #release(consumer: Consumer): void {
    if (this.#followed.delete(consumer)) this.#context.consumers.left++;
  }

  #nextNumber(): number {
    this.#numbers = (this.#numbers % CONSUMER) + 1;
    return this.#numbers;
  }

  /** Cancelled by the app without waiting for an answer: `forget` follows. */
  leaves(tag: string, now: number): void {
    const consumer = this.#byTag.get(tag);
    if (consumer === undefined || this.#leaving.has(consumer)) return;
    this.#left++;
    this.#leaving.set(consumer, this.#left);
    this.#tellStopped(consumer, 'app', now);
  }

  /** How many have left so far: who answers a request made now has read that. */
  get left(): number {
    return this.#left;
  }

  /** Cancelled by the broker. It keeps its tag: RabbitMQ 4.3 delivers to it again once it has settled what it held. */
  cancelled(tag: string, now: number): Consumer | undefined {
    const consumer = this.#byTag.get(tag);
    if (consumer === undefined) return undefined;
    this.#tellStopped(consumer, 'broker', now);
    this.#dormant.add(consumer);
    if (this.#dormant.size > MOST_KEPT) for (const oldest of this.#dormant) return this.#drop(oldest, consumer);
    return consumer;
  }

  #drop(oldest: Consumer, cancelled: Consumer): Consumer {
    this.#dormant.delete(oldest);
    this.#remove(oldest);
    return cancelled;
  }

  /** The broker answered the app's cancel. */
  stopped(tag: string, now: number): void {
    const consumer = this.#byTag.get(tag);
    if (consumer === undefined) return;
    this.#tellStopped(consumer, 'app', now);
    this.#remove(consumer);
  }

  /** No delivery can follow to those that had left when so many had. Their tags may be others' already. */
  forget(left: number): void {
    for (const [consumer, at] of this.#leaving) {
      if (at > left) return;
      this.#remove(consumer);
    }
  }

  #remove(consumer: Consumer): void {
    this.#dormant.delete(consumer);
    this.#leaving.delete(consumer);
    this.#release(consumer);
    const of = this.#byTag.get(consumer.tag);
    if (of === consumer) this.#byTag.delete(consumer.tag);
    else if (of?.elder === consumer) of.elder = undefined;
    this.#last = undefined;
  }

  /** The channel has ended: what is delivered now, the app discards. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The channel ends, and all of them. */
  end(now: number): void {
    this.#hasEnded = true;
    for (const consumer of this.#byTag.values()) this.#tellStopped(consumer, 'app', now);
    this.#byTag.clear();
    this.#dormant.clear();
    this.#context.consumers.left += this.#followed.size;
    this.#followed.clear();
    this.#leaving.clear();
    this.#unnamed.length = 0;
    this.#last = undefined;
  }

  #tellStarted({ tag, queue, noAck }: Consumer, now: number): void {
    const { plane, connection, habits } = this.#context;
    habits.consumes(queue, noAck);
    plane.observer.emit({
      type: 'consumer.started',
      at: plane.clock.micros(now),
      connection,
      channel: this.#channel,
      consumerTag: tag,
      queue,
      noAck,
    });
  }

  #tellStopped(consumer: Consumer, by: 'app' | 'broker', now: number): void {
    if (consumer.hasStopped) return;
    consumer.hasStopped = true;
    const { plane, connection } = this.#context;
    plane.observer.emit({
      type: 'consumer.cancelled',
      at: plane.clock.micros(now),
      connection,
      channel: this.#channel,
      consumerTag: consumer.tag,
      queue: consumer.queue,
      by,
    });
  }
}

/** The routing key of a delivery whose consumer tag ends at `at`, if it went to its queue by name; else undefined. */
function keyOnDefaultExchange(buf: Uint8Array, at: number): string | undefined {
  const exchange = at + NAMES;
  if (buf[exchange] !== 0) return undefined;
  const end = exchange + 2 + buf[exchange + 1];
  return end <= buf.length ? text(buf, exchange + 2, end) : undefined;
}
