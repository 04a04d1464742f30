import { text } from '../../amqp/fields.ts';
import { Consumer } from '../delivering/consumer.ts';
import { same } from '../routing/routes.ts';
import type { ChannelContext } from './channel.ts';

/** The consumers of one channel by their tags; whoever starts or stops is told of. */
export class Consumers {
  readonly #context: ChannelContext;
  readonly #channel: number;
  readonly #byTag = new Map<string, Consumer>();
  /** found by the last delivery: the next one is mostly for the same */
  #last: Consumer | undefined;
  /** cancelled without an answer to wait for: deliveries may follow until the broker has answered what was asked after it */
  #leaving: Consumer[] = [];
  #hasEnded = false;

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

  started(tag: string, queue: string, noAck: boolean, now: number): void {
    const { plane, connection } = this.#context;
    this.#byTag.set(tag, new Consumer(plane, this.#context, 'deliver', tag, queue, noAck));
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
    this.#last = undefined;
  }

  /** No delivery to these can follow. Their tags may be others' already. */
  forget(left: readonly Consumer[]): void {
    if (left.length === 0) return;
    this.#leaving = this.#leaving.filter((consumer) => !left.includes(consumer));
    for (const consumer of left) if (this.#byTag.get(consumer.tag) === consumer) this.#byTag.delete(consumer.tag);
    this.#last = undefined;
  }

  /** The channel has ended: what is delivered now, the app discards. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The channel ends, and all of them. */
  end(now: number): void {
    this.#hasEnded = true;
    for (const tag of this.#byTag.keys()) this.#stopped(tag, 'app', now);
    this.#byTag.clear();
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
