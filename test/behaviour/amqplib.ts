import {
  type Channel,
  type ChannelModel,
  type ConfirmChannel,
  type ConsumeMessage,
  connect,
  type GetMessage,
} from 'amqplib';
import { onTestFinished } from 'vitest';
import { until } from '../../testing/wait.ts';

/** A connection that is closed when the test has finished, if it isn't by then. */
export async function connection(url: string, options = {}): Promise<ChannelModel> {
  const model = await connect(url, options);
  const closed = new Promise((resolve) => model.once('close', resolve));
  model.on('error', () => {}); // told by what the test waits for
  let isClosed = false;
  closed.then(() => {
    isClosed = true;
  });
  // A broker whose vhost has just gone may end the connection without an answer, for which amqplib would wait.
  onTestFinished(async () => {
    if (!isClosed) await Promise.race([model.close(), closed]);
  });
  return model;
}

export async function channel(url: string): Promise<Channel> {
  const opened = await (await connection(url)).createChannel();
  opened.on('error', () => {});
  return opened;
}

/** Counting what a queue holds is only exact once the publishes are confirmed. */
export async function confirmChannel(url: string): Promise<ConfirmChannel> {
  const opened = await (await connection(url)).createConfirmChannel();
  opened.on('error', () => {});
  return opened;
}

/** Collects what a consumer gets; `null` stands for its cancellation by the broker. */
export async function consumer(on: Channel, queue: string, options = {}) {
  const got: (ConsumeMessage | null)[] = [];
  const { consumerTag } = await on.consume(queue, (message) => got.push(message), options);
  return {
    consumerTag,
    got,
    /** Resolves with the first `count` messages. */
    async first(count: number): Promise<ConsumeMessage[]> {
      await until(
        () => got.length >= count,
        () => `${count} messages came; ${got.length} did`,
      );
      return got.slice(0, count) as ConsumeMessage[];
    },
  };
}

export async function get(on: Channel, queue: string, options = {}): Promise<GetMessage> {
  const message = await on.get(queue, options);
  if (message === false) throw new Error(`nothing to get from ${queue}`);
  return message;
}

export const text = (message: { content: Buffer }) => message.content.toString();

/** How the channel was closed: its error, once it has come. */
export function closeOf(on: Channel): Promise<Error & { code?: number }> {
  return new Promise((resolve) => on.once('error', resolve));
}
