import { type Channel, type ChannelModel, type ConsumeMessage, connect } from 'amqplib';
import { startTracehare, type Tracehare, type TracehareOptions } from '../../testing/tracehare.ts';
import type { Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';

/** What a test file has running: all of it ends with `stop`, what was started last first. */
export class Site {
  readonly vhost: Vhost;
  readonly #ends: (() => Promise<unknown>)[] = [];

  constructor(vhost: Vhost) {
    this.vhost = vhost;
  }

  /** In front of the vhost's broker. `env` and the like as they are given. */
  async sidecar(options: TracehareOptions = {}): Promise<Tracehare> {
    const sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${this.vhost.port}`, ...options });
    this.#ends.push(() => sidecar.stop());
    return sidecar;
  }

  /** An app's connection, through whoever listens on the port. */
  async connect(port: number, clientProperties: Record<string, string> = {}): Promise<ChannelModel> {
    const connection = await connect(this.vhost.url(port), { clientProperties });
    connection.on('error', () => {}); // told by what the test waits for
    let open = true;
    connection.once('close', () => {
      open = false;
    });
    this.#ends.push(async () => open && (await connection.close()));
    return connection;
  }

  async channel(port: number): Promise<Channel> {
    const channel = await (await this.connect(port)).createChannel();
    channel.on('error', () => {});
    return channel;
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.reverse()) await end();
    this.#ends.length = 0;
  }
}

/** Waits for the queue's next message and takes it without an ack. */
export async function get(channel: Channel, queue: string): Promise<ConsumeMessage> {
  return until(() => channel.get(queue, { noAck: true }), `a message is in ${queue}`) as never;
}

/** Consumes the queue's next message and acks it. */
export async function take(channel: Channel, queue: string): Promise<ConsumeMessage> {
  const message = await new Promise<ConsumeMessage>((resolve) => {
    channel.consume(queue, (delivered) => resolve(delivered as ConsumeMessage), { consumerTag: queue });
  });
  channel.ack(message);
  await channel.cancel(queue);
  return message;
}

/** As the message's header has it; undefined without one. */
export const traceparent = ({ properties }: ConsumeMessage): string | undefined => properties.headers?.traceparent;
