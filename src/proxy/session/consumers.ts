import { text } from '../../amqp/fields.ts';
import { Consumer } from '../delivering/consumer.ts';
import { StreamReader } from '../delivering/stream-reader.ts';
import { same } from '../routing/routes.ts';
import type { ChannelContext } from './channel.ts';

/** How many more consumers of one connection are followed. */
export interface ConsumerBudget {
  left: number;
}

/** Consumers of a connection that are followed; deliveries to others pass uncounted. */
export const MAX_CONSUMERS = 8192;

/** The consumers of one channel by their tags; whoever starts or stops is told of. */
export class Consumers {
  readonly #context: ChannelContext;
  readonly #channel: number;
  readonly #byTag = new Map<string, Consumer>();
  /** found by the last delivery: the next one is mostly for the same */
  #last: Consumer | undefined;
  /**
   * Tags of those that were cancelled without an answer to wait for, in their order, each with its number among them:
   * deliveries may follow until the broker has answered what was asked after it.
   */
  readonly #leaving = new Map<string, number>();
  #left = 0;

  constructor(context: ChannelContext, channel: number) {
    this.#context = context;
    this.#channel = channel;
  }

  /** Whose consumer tag it is. */
  readonly find = (buf: Uint8Array, start: number, end: number): Consumer | undefined => {
    const last = this.#last;
    if (last !== undefined && same(last.key, buf, start, end)) return last;
    const found = this.#byTag.get(text(buf, start, end));
    if (found !== undefined) this.#last = found;
    return found;
  };

  /** Where the answer to a basic.get comes from. */
  get(queue: string, noAck: boolean): Consumer {
    return new Consumer(this.#context.plane, this.#context, 'get', '', queue, noAck);
  }

  /** The plane's tables of routes are others now. */
  rerouted(): void {
    for (const consumer of this.#byTag.values()) consumer.rerouted();
  }

  /** `asksForOffset`: it names an x-stream-offset to begin at. */
  started(tag: string, queue: string, noAck: boolean, asksForOffset: boolean, now: number): void {
    const { plane, connection, consumers: budget } = this.#context;
    if (!this.#byTag.has(tag)) {
      if (budget.left === 0) {
        plane.observer.traffic.unobserved('consumers_full');
        return;
      }
      budget.left--;
    }
    // a tag that is used again is not the one that leaves
    this.#leaving.delete(tag);
    const stream = new StreamReader(asksForOffset, plane.clock.micros(now));
    this.#byTag.set(tag, new Consumer(plane, this.#context, 'deliver', tag, queue, noAck, stream));
    this.#last = undefined;
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

  /** Cancelled by the app without waiting for an answer: `forget` follows. */
  leaves(tag: string): void {
    if (this.#byTag.has(tag) && !this.#leaving.has(tag)) this.#leaving.set(tag, ++this.#left);
  }

  /** How many have left so far: who answers a request made now has read that. */
  get left(): number {
    return this.#left;
  }

  /** Cancelled by the broker. */
  cancelled(tag: string, now: number): void {
    this.leaves(tag);
    this.#stopped(tag, 'broker', now);
  }

  /** The broker answered the app's cancel. */
  stopped(tag: string, now: number): void {
    this.#stopped(tag, 'app', now);
    this.#leaving.delete(tag);
    this.#delete(tag);
  }

  /** No delivery can follow to those that had left when so many had. */
  forget(left: number): void {
    for (const [tag, number] of this.#leaving) {
      if (number > left) return;
      this.#leaving.delete(tag);
      this.#delete(tag);
    }
  }

  /** The channel ends, and all of them. */
  end(now: number): void {
    for (const tag of this.#byTag.keys()) this.#stopped(tag, 'app', now);
    this.#context.consumers.left += this.#byTag.size;
    this.#byTag.clear();
    this.#leaving.clear();
    this.#last = undefined;
  }

  #delete(tag: string): void {
    if (this.#byTag.delete(tag)) this.#context.consumers.left++;
    this.#last = undefined;
  }

  #stopped(tag: string, by: 'app' | 'broker', now: number): void {
    const consumer = this.#byTag.get(tag);
    if (consumer === undefined) return;
    const { plane, connection } = this.#context;
    plane.observer.emit({
      type: 'consumer.cancelled',
      at: plane.clock.micros(now),
      connection,
      channel: this.#channel,
      consumerTag: tag,
      queue: consumer.queue,
      by,
    });
  }
}
