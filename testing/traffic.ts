import { once } from 'node:events';
import { type Channel, type ConsumeMessage, connect } from 'amqplib';

export interface Truth {
  /** what was confirmed by the broker */
  published: number;
  /** what was delivered and acked */
  consumed: ConsumeMessage[];
}

export interface TrafficOptions {
  queue: string;
  messages: number;
  /** body of message `index`; its number as text by default */
  body?: (index: number) => Buffer;
  headers?: Record<string, unknown>;
}

/**
 * Declares the queue, publishes to it and consumes from it with one amqplib connection a side;
 * resolves when every message was confirmed, delivered and its ack has reached the broker. What it
 * returns is the truth that counters have to agree with.
 */
export async function publishAndConsume(
  urls: string | { publish: string; consume: string },
  { queue, messages, body = (index) => Buffer.from(String(index)), headers = {} }: TrafficOptions,
): Promise<Truth> {
  const { publish, consume } = typeof urls === 'string' ? { publish: urls, consume: urls } : urls;
  const producer = await connect(publish);
  const consumer = await connect(consume);
  try {
    const incoming = await consumer.createChannel();
    await incoming.assertQueue(queue);
    const outgoing = await producer.createConfirmChannel();
    const [consumed] = await Promise.all([consumeAll(incoming, queue, messages), publishAll()]);

    async function publishAll(): Promise<void> {
      for (let index = 0; index < messages; index++) {
        const room = outgoing.sendToQueue(queue, body(index), { headers });
        if (!room) await once(outgoing, 'drain');
      }
      await outgoing.waitForConfirms();
    }
    await incoming.checkQueue(queue); // answered after the acks before it
    return { published: messages, consumed };
  } finally {
    await producer.close();
    await consumer.close();
  }
}

/** Acks what comes; resolves with the first `count` messages. */
export function consumeAll(channel: Channel, queue: string, count: number): Promise<ConsumeMessage[]> {
  const consumed: ConsumeMessage[] = [];
  return new Promise((resolve, reject) => {
    if (count === 0) resolve(consumed);
    channel.once('close', () => reject(new Error('the consuming channel was closed')));
    const take = (message: ConsumeMessage | null) => {
      if (message === null) return reject(new Error('the consumer was cancelled'));
      consumed.push(message);
      channel.ack(message);
      if (consumed.length === count) resolve(consumed);
    };
    channel.consume(queue, take).catch(reject);
  });
}
