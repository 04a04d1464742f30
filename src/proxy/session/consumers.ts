import { NOTHING_MORE } from '../../events/passage.ts';
import type { Consumer } from '../delivering/delivery-tracker.ts';
import type { Detail } from '../open-messages/window.ts';
import type { ChannelContext } from './channel.ts';

/** The consumers of one channel by their tags; whoever starts or stops is told of. */
export class Consumers {
  readonly #context: ChannelContext;
  readonly #channel: number;
  /** what a tag means has changed */
  readonly #changed: () => void;
  readonly #byTag = new Map<string, Consumer>();
  /** cancelled without an answer to wait for: deliveries may follow until the broker has answered what was asked after it */
  #leaving: Consumer[] = [];

  constructor(context: ChannelContext, channel: number, changed: () => void) {
    this.#context = context;
    this.#channel = channel;
    this.#changed = changed;
  }

  get byTag(): ReadonlyMap<string, Consumer> {
    return this.#byTag;
  }

  /** Where that which comes out of a queue is counted. `tag`: '' for basic.get. */
  source(tag: string, queue: string, noAck: boolean): Consumer {
    const routes = this.#context.plane.deliveryRoutes(this.#context, queue);
    const plain: Detail = { via: 'deliver', consumerTag: tag, more: NOTHING_MORE };
    return { tag, key: Buffer.from(tag, 'utf8'), queue, noAck, plain, routes, last: undefined };
  }

  /** The plane's tables of routes are others now. */
  rerouted(more: readonly Consumer[]): void {
    for (const source of [...this.#byTag.values(), ...more]) {
      source.routes = this.#context.plane.deliveryRoutes(this.#context, source.queue);
      source.last = undefined;
    }
  }

  started(tag: string, queue: string, noAck: boolean, now: number): void {
    this.#byTag.set(tag, this.source(tag, queue, noAck));
    this.#changed();
    const { plane, connection } = this.#context;
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
    const consumer = this.#byTag.get(tag);
    if (consumer !== undefined) this.#leaving.push(consumer);
  }

  /** Those that leave now: who answers a request made now has read that. */
  get leaving(): readonly Consumer[] {
    return this.#leaving.slice();
  }

  /** Cancelled by the broker. */
  cancelled(tag: string, now: number): void {
    this.leaves(tag);
    this.#stopped(tag, 'broker', now);
  }

  /** The broker answered the app's cancel. */
  stopped(tag: string, now: number): void {
    this.#stopped(tag, 'app', now);
    this.#byTag.delete(tag);
    this.#changed();
  }

  /** No delivery to these can follow. Their tags may be others' already. */
  forget(left: readonly Consumer[]): void {
    if (left.length === 0) return;
    this.#leaving = this.#leaving.filter((consumer) => !left.includes(consumer));
    for (const consumer of left) if (this.#byTag.get(consumer.tag) === consumer) this.#byTag.delete(consumer.tag);
    this.#changed();
  }

  /** The channel ends, and all of them. */
  end(now: number): void {
    for (const tag of this.#byTag.keys()) this.#stopped(tag, 'app', now);
    this.#byTag.clear();
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
