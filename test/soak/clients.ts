import { AMQPClient } from '@cloudamqp/amqp-client';
import { type Channel, type ChannelModel, connect } from 'amqplib';
import { Connection } from 'rabbitmq-client';
import { until } from '../../testing/wait.ts';

/** What became of a publish: confirmed, refused, or unanswered when its channel ended. */
export type Answer = 'ack' | 'nack' | undefined;

/** A channel of a client's, and what it is for. */
export interface Link {
  /** resolves when it or its connection has ended, whoever ended it */
  gone: Promise<void>;
  /** In order; resolves at once if it is gone. */
  close(): Promise<void>;
}

export interface Publishing extends Link {
  publish(id: number): Promise<Answer>;
}

/** Counts what a consumer gets and settles. */
export interface Taking {
  delivered(id: number): void;
  /** handed to the client, which may not get it through any more */
  settled(): void;
}

/** A client library, unmodified: each call opens a connection of its own, or rejects. */
export interface Client {
  publisher(url: string, queue: string): Promise<Publishing>;
  consumer(url: string, queue: string, taking: Taking): Promise<Link>;
}

const PREFETCH = 20;
const TIMEOUT_MS = 10_000;

/** Some calls of clients are left unanswered when their connection ends. */
async function inTime<T>(work: Promise<T>, end: () => void): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  try {
    return await Promise.race([work, promise]);
  } catch (error) {
    end();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function destroy(model: ChannelModel): void {
  (model.connection as unknown as { stream: { destroy(): void } }).stream.destroy();
}

async function amqplibLink<C extends Channel>(url: string, options: object, open: (model: ChannelModel) => Promise<C>) {
  const model = await connect(url, { timeout: TIMEOUT_MS, ...options });
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  model.on('error', () => {});
  model.once('close', () => resolve());
  const channel = await inTime(Promise.race([open(model), gone]), () => destroy(model));
  if (channel === undefined) throw new Error('the connection ended');
  channel.on('error', () => {});
  channel.once('close', () => resolve());
  // of a channel that alone was closed the connection is left; of one that is gone there is no answer
  const close = () => Promise.race([model.close().catch(() => {}), pause(1000)]).then(() => destroy(model));
  return { channel, gone, close };
}

/** `options`: of its sockets, such as certificates. */
export const amqplibWith = (options: object): Client => ({
  async publisher(url, queue) {
    const { channel, gone, close } = await amqplibLink(url, options, (model) => model.createConfirmChannel());
    const publish = (id: number) =>
      new Promise<Answer>((resolve) => {
        void gone.then(() => resolve(undefined));
        try {
          channel.sendToQueue(queue, Buffer.from(String(id)), { persistent: true }, (error) =>
            // amqplib answers what is open with an error of its own when the channel closes
            resolve(error === null ? 'ack' : /nack/.test(String(error?.message)) ? 'nack' : undefined),
          );
        } catch {
          resolve(undefined);
        }
      });
    return { publish, gone, close };
  },
  async consumer(url, queue, taking) {
    const { channel, gone, close } = await amqplibLink(url, options, (model) => model.createChannel());
    const start = async () => {
      await channel.prefetch(PREFETCH);
      await channel.consume(queue, (message) => {
        if (message === null) return;
        taking.delivered(Number(message.content.toString()));
        try {
          channel.ack(message);
          taking.settled();
        } catch {
          // the channel has ended: it comes again
        }
      });
    };
    await inTime(Promise.race([start(), gone]), () => void close());
    return { gone, close };
  },
});

export const amqplib = amqplibWith({});

async function cloudamqpLink(url: string) {
  const client = new AMQPClient(url);
  client.onerror = () => {};
  const end = () => client.socket?.destroy();
  await inTime(client.connect(), end);
  const channel = await inTime(client.channel(), end);
  const gone = until(() => client.closed || channel.closed, 'it has ended', Number.POSITIVE_INFINITY).then(() => {});
  const close = async () => {
    if (!client.closed) await Promise.race([client.close().catch(() => {}), pause(1000)]);
    end();
    client.closed = true;
  };
  return { channel, gone, close, end };
}

export const cloudamqp: Client = {
  async publisher(url, queue) {
    const { channel, gone, close, end } = await cloudamqpLink(url);
    await inTime(channel.confirmSelect(), end);
    const publish = (id: number): Promise<Answer> =>
      Promise.race([
        channel.basicPublish('', queue, String(id), { deliveryMode: 2 }).then(
          () => 'ack' as const,
          (error) => (/nack|rejected/i.test(String(error)) ? ('nack' as const) : undefined),
        ),
        gone.then(() => undefined),
      ]);
    return { publish, gone, close };
  },
  async consumer(url, queue, taking) {
    const { channel, gone, close, end } = await cloudamqpLink(url);
    await inTime(channel.basicQos(PREFETCH), end);
    const consume = channel.basicConsume(queue, { noAck: false }, (message) => {
      taking.delivered(Number(message.bodyString()));
      taking.settled();
      message.ack().catch(() => {});
    });
    await inTime(consume, end);
    return { gone, close };
  },
};

/** It connects again by itself: a link of it is gone only when it is closed. */
async function rabbitmqClientLink(url: string) {
  const link = new Connection({ url, retryLow: 50, retryHigh: 500, acquireTimeout: 5000 });
  link.on('error', () => {});
  await inTime(link.onConnect(TIMEOUT_MS, true), () => link.unsafeDestroy());
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  const close = async (own: { close(): Promise<void> }) => {
    await Promise.race([own.close().catch(() => {}), pause(5000)]);
    await Promise.race([link.close().catch(() => {}), pause(5000)]);
    link.unsafeDestroy();
    resolve();
  };
  return { link, gone, close };
}

export const rabbitmqClient: Client = {
  async publisher(url, queue) {
    const { link, gone, close } = await rabbitmqClientLink(url);
    const publisher = link.createPublisher({ confirm: true, maxAttempts: 1 });
    const publish = (id: number): Promise<Answer> =>
      publisher.send({ routingKey: queue, durable: true }, String(id)).then(
        () => 'ack' as const,
        (error) => (error?.code === 'NACK' ? ('nack' as const) : undefined),
      );
    return { publish, gone, close: () => close(publisher) };
  },
  async consumer(url, queue, taking) {
    const { link, gone, close } = await rabbitmqClientLink(url);
    const asked = { queue, queueOptions: { durable: true }, qos: { prefetchCount: PREFETCH } };
    const consumer = link.createConsumer(asked, async ({ body }) => {
      taking.delivered(Number(body));
      taking.settled();
    });
    consumer.on('error', () => {});
    return { gone, close: () => close(consumer) };
  },
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());
