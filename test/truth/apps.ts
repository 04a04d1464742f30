import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { type Channel, type ChannelModel, type ConfirmChannel, type ConsumeMessage, connect } from 'amqplib';
import { body, header, method, short, u8, u16 } from '../../testing/wire.ts';
import { bodyOf, random } from './bodies.ts';
import { Count, type Setting } from './figures.ts';

/** One client connection through the sidecar, and what it knows of its own messages. */
export class App {
  readonly count: Count;
  readonly model: ChannelModel;
  /** killed, or closed in order */
  closed = false;
  killed = false;
  /** settles nothing any more */
  hoarding = false;
  readonly gone: Promise<unknown>;

  private constructor(model: ChannelModel, setting: Setting) {
    this.model = model;
    this.count = new Count(setting);
    model.on('error', () => {});
    // a client does not tell when its own socket is destroyed
    this.gone = new Promise((resolve) => this.socket.once('close', resolve));
    this.gone.then(() => {
      this.closed = true;
    });
  }

  static async open(url: string, setting: Setting): Promise<App> {
    return new App(await connect(url, { noDelay: true }), setting);
  }

  get socket(): Socket {
    return (this.model.connection as unknown as { stream: Socket }).stream;
  }

  async channel(): Promise<Channel> {
    const channel = await this.model.createChannel();
    channel.on('error', () => {});
    return channel;
  }

  async confirmChannel(): Promise<ConfirmChannel> {
    const channel = await this.model.createConfirmChannel();
    channel.on('error', () => {});
    return channel;
  }

  /** By FIN (the kernel makes it a reset if something was not read) or a reset; in the middle of a message on channel `inside`. */
  kill(how: 'FIN' | 'RST', inside = 0): void {
    this.killed = true;
    this.closed = true;
    const publish = method(inside, 60, 40, u16(0), short(''), short('nowhere'), u8(0));
    if (inside > 0) this.socket.write(Buffer.concat([publish, header(inside, 1000), body(inside, Buffer.alloc(400))]));
    if (how === 'FIN') this.socket.destroy();
    else this.socket.resetAndDestroy();
  }
}

export interface Destination {
  exchange: string;
  routingKey: string;
  /** the name under which its messages are counted */
  topic: string;
}

/** Publishes messages from..to on one channel, or fewer if they are more than `limit` bytes; resolves with the next. */
export async function publish(
  app: App,
  channel: Channel,
  { exchange, routingKey, topic }: Destination,
  from: number,
  to: number,
  limit = Number.POSITIVE_INFINITY,
): Promise<number> {
  let bytes = 0;
  const confirms = 'waitForConfirms' in channel;
  for (let index = from; index < to; index++) {
    const content = bodyOf(index);
    bytes += content.length;
    if (bytes > limit) return index;
    const options = { messageId: String(index) };
    app.count.published(topic, content.length);
    const confirmed = () => {
      app.count.confirmed(topic);
      app.count.publishEnded(topic);
    };
    const room = confirms
      ? (channel as ConfirmChannel).publish(exchange, routingKey, content, options, (error) => error ?? confirmed())
      : channel.publish(exchange, routingKey, content, options);
    if (!confirms) app.count.publishEnded(topic);
    if (!room) await drained(app, channel);
    else if (index % 64 === 0) await turn();
  }
  return to;
}

function drained(app: App, channel: Channel): Promise<void> {
  return new Promise((resolve) => {
    channel.once('drain', resolve);
    app.socket.once('close', resolve);
  });
}

/** What became of each message at its consumers. */
export class Arrivals {
  readonly seen = new Set<number>();

  take(message: { content: Buffer; properties: { messageId?: string } }): void {
    const index = Number(message.properties.messageId);
    if (!message.content.equals(bodyOf(index))) throw new Error(`the body of message ${index} has changed`);
    this.seen.add(index);
  }
}

export interface Consuming {
  queue: string;
  /** of a message, by how it was published */
  topicOf(fields: { exchange: string; routingKey: string }): string;
  prefetch: number;
  /** `batch`: many at once with `multiple`; `single`: each by itself; `auto`: the broker settles; `never`: nobody */
  settling: 'single' | 'batch' | 'auto' | 'never';
  arrivals: Arrivals;
  seed: number;
}

/** A consumer on a channel of its own, which settles in every way there is. Messages go back only once. */
export class Consumer {
  readonly #app: App;
  readonly #channel: Channel;
  readonly #how: Consuming;
  readonly #draw: () => number;
  #open: ConsumeMessage[] = [];
  #opened = 0;
  #recovering = false;

  private constructor(app: App, channel: Channel, how: Consuming) {
    this.#app = app;
    this.#channel = channel;
    this.#how = how;
    this.#draw = random(how.seed);
  }

  static async start(app: App, how: Consuming): Promise<Consumer> {
    const channel = await app.channel();
    await channel.prefetch(how.prefetch);
    const consumer = new Consumer(app, channel, how);
    const noAck = how.settling === 'auto';
    await channel.consume(how.queue, (message) => message && consumer.#take(message), { noAck });
    return consumer;
  }

  #take(message: ConsumeMessage): void {
    const { count } = this.#app;
    const topic = this.#how.topicOf(message.fields);
    this.#how.arrivals.take(message);
    count.delivered(topic, message.content.length, { redelivered: message.fields.redelivered, got: false });
    if (this.#app.closed || this.#app.hoarding) return;
    if (this.#how.settling === 'auto') count.autoAcked(topic);
    else if (this.#how.settling === 'single') this.#settleOne(message, topic);
    else {
      this.#open.push(message);
      this.#opened++;
      if (this.#how.settling === 'batch' && this.#isFull) this.#settleMany();
    }
  }

  /** The broker has sent `prefetch` messages and sends no more. */
  get #isFull(): boolean {
    return this.#open.length === this.#how.prefetch;
  }

  #settleOne(message: ConsumeMessage, topic: string): void {
    const { count } = this.#app;
    const { queue } = this.#how;
    const choice = this.#draw();
    const fresh = !message.fields.redelivered;
    if (choice < 0.01) {
      this.#channel.reject(message, false);
      count.rejected(topic, queue);
    } else if (choice < 0.02) {
      this.#channel.nack(message, false, false);
      count.rejected(topic, queue);
    } else if (choice < 0.05 && fresh) {
      this.#channel.reject(message, true);
      count.requeued(topic, 'reject');
    } else if (choice < 0.08 && fresh) {
      this.#channel.nack(message, false, true);
      count.requeued(topic, 'nack');
    } else {
      this.#channel.ack(message);
      count.acked(topic, queue);
    }
  }

  /** All that is open, or its older half. What means "all" is sent only while nothing is on its way. */
  #settleMany(): void {
    const { count } = this.#app;
    const full = this.#isFull;
    const fresh = this.#open.every(({ fields }) => !fields.redelivered);
    const choice = this.#draw();
    if (full && fresh && choice < 0.05) {
      this.#recover();
      return;
    }
    const part = choice < 0.3 && this.#open.length > 1 ? this.#open.length >> 1 : this.#open.length;
    const taken = this.#open.splice(0, part);
    const last = taken.at(-1) as ConsumeMessage;
    const topics = taken.map(({ fields }) => this.#how.topicOf(fields));
    const { queue } = this.#how;
    if (fresh && choice > 0.9) {
      this.#channel.nack(last, true, true);
      for (const topic of topics) count.requeued(topic, 'nack');
    } else if (choice > 0.87) {
      this.#channel.nack(last, true, false);
      for (const topic of topics) count.rejected(topic, queue);
    } else {
      if (full && this.#open.length === 0 && choice > 0.6) this.#channel.ackAll();
      else this.#channel.ack(last, true);
      for (const topic of topics) count.acked(topic, queue);
    }
  }

  #recover(): void {
    for (const { fields } of this.#open.splice(0)) this.#app.count.requeued(this.#how.topicOf(fields), 'recover');
    this.#recovering = true;
    this.#channel.recover().then(
      () => {
        this.#recovering = false;
      },
      () => {},
    );
  }

  /** Settles what waits for company that does not come; call now and then. */
  settleRest(): void {
    const idle = this.#opened === 0;
    this.#opened = 0;
    const able = !this.#app.closed && !this.#app.hoarding && !this.#recovering;
    if (idle && able && this.#open.length > 0) this.#settleMany();
  }

  /** Closes the channel over its open deliveries, once there are as many as there can be; false if there are not. */
  async closeFull(): Promise<boolean> {
    if (!this.#isFull) return false;
    for (const { fields } of this.#open.splice(0)) {
      this.#app.count.requeued(this.#how.topicOf(fields), 'channel_closed');
    }
    await this.#channel.close();
    return true;
  }
}

/** Gets until the queue is empty, settling each in another way. */
export async function getAll(app: App, channel: Channel, queue: string, arrivals: Arrivals): Promise<void> {
  for (let turns = 0; ; turns++) {
    const noAck = turns % 3 === 0;
    const message = await channel.get(queue, { noAck });
    if (message === false) return;
    const { redelivered } = message.fields;
    arrivals.take(message);
    app.count.delivered(queue, message.content.length, { redelivered, got: true });
    if (noAck) app.count.autoAcked(queue);
    else if (turns % 10 === 1 && !redelivered) {
      channel.nack(message, false, true);
      app.count.requeued(queue, 'nack');
    } else if (turns % 10 === 2) {
      channel.reject(message, false);
      app.count.rejected(queue, queue);
    } else {
      channel.ack(message);
      app.count.acked(queue, queue);
    }
  }
}
