import type { Channel } from './channel.ts';
import type { Consumer, Entry, Queue } from './queue.ts';

export interface ConsumerOptions {
  tag: string;
  noAck: boolean;
  exclusive: boolean;
  priority: number;
}

export class ChannelConsumer implements Consumer {
  readonly tag: string;
  readonly priority: number;
  readonly exclusive: boolean;
  readonly queue: Queue;
  readonly #channel: Channel;
  readonly #noAck: boolean;
  readonly #prefetch: number;
  /** deliveries that await their settlement */
  unsettled = 0;

  constructor(channel: Channel, queue: Queue, { tag, noAck, exclusive, priority }: ConsumerOptions) {
    this.tag = tag;
    this.priority = priority;
    this.exclusive = exclusive;
    this.queue = queue;
    this.#channel = channel;
    this.#noAck = noAck;
    this.#prefetch = channel.prefetch;
  }

  get isReady(): boolean {
    if (this.#channel.isEnded || this.#channel.connection.isCongested) return false;
    if (this.#noAck) return true;
    const { globalPrefetch, settlements } = this.#channel;
    return (
      (this.#prefetch === 0 || this.unsettled < this.#prefetch) &&
      (globalPrefetch === 0 || settlements.consumed < globalPrefetch)
    );
  }

  deliver(queue: Queue, entry: Entry): void {
    const { message, redelivered } = entry;
    const deliveryTag = this.#channel.settlements.open(queue, entry, this.#noAck, this);
    const { exchange, routingKey } = message;
    const args = { consumerTag: this.tag, deliveryTag, redelivered, exchange, routingKey };
    this.#channel.sendContent('basic.deliver', args, message);
  }

  cancel(): void {
    this.#channel.consumers.delete(this.tag);
    if (this.#channel.connection.hearsOfCancels) {
      this.#channel.send('basic.cancel', { consumerTag: this.tag, nowait: true });
    }
  }

  leave(): void {
    this.queue.removeConsumer(this);
  }
}
