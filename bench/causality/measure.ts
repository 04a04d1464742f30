import { setTimeout as sleep } from 'node:timers/promises';
import { type Channel, type ChannelModel, type ConsumeMessage, connect } from 'amqplib';
import type { Scenario } from './scenarios.ts';

/** Publishes of one scenario, against the truth that the app writes into each body. */
export interface Measured {
  /** that come of a message */
  caused: number;
  /** that are said to come of one */
  told: number;
  /** of the one that they come of */
  right: number;
}

/** Where all messages come from and go to, past the sidecar; and the app, through it. */
export interface Urls {
  broker: string;
  sidecar: string;
}

/** What an app says in the body of what it publishes by its timer. */
const NO_CAUSE = 'none';
/** Two messages have one correlation id, as steps of one business matter do. */
const MATTERS = 2;

/** Messages between two pauses. */
const PAUSE_EVERY = 30;

const traceOf = (number: number): string => (number + 1).toString(16).padStart(32, '0');

/** `messages`: how many the app is to handle. The sidecar in front of it has tracing.cause: parent. */
export async function measure(scenario: Scenario, messages: number, urls: Urls): Promise<Measured> {
  const ends: ChannelModel[] = [];
  const channelTo = async (url: string): Promise<Channel> => {
    const connection = await connect(url, { noDelay: true, clientProperties: { connection_name: 'causality' } });
    ends.push(connection);
    return connection.createChannel();
  };
  try {
    const outside = await channelTo(urls.broker);
    const queues = scenario.twoQueues ? ['in.0', 'in.1'] : ['in.0'];
    for (const queue of [...queues, 'out']) {
      await outside.deleteQueue(queue);
      await outside.assertQueue(queue);
    }
    for (const exchange of ['out.0', 'out.1', 'ticks']) {
      await outside.assertExchange(exchange, 'fanout');
      await outside.bindQueue('out', exchange, '');
    }
    const app = new App(scenario, await channelTo(urls.sidecar), await channelTo(urls.sidecar));
    const found: Measured = { caused: 0, told: 0, right: 0 };
    await outside.consume('out', (message) => count(message as ConsumeMessage, found), { noAck: true });
    const send = (number: number): void => {
      const headers = { traceparent: `00-${traceOf(number)}-${'a'.repeat(16)}-01` };
      const matter = scenario.carries === 'correlation id' ? Math.floor(number / MATTERS) : number;
      const ids = { correlationId: `matter-${matter}`, messageId: `message-${number}` };
      outside.sendToQueue(queues[number % queues.length], Buffer.from(`${number}`), { headers, ...ids });
    };
    await app.start(queues);
    for (let number = 0; number < messages; number++) {
      send(number);
      if (scenario.pauses && number % PAUSE_EVERY === 0) await sleep(1200);
      while (scenario.quiet && app.handled <= number) await sleep(1);
    }
    while (app.handled < messages) await sleep(5);
    await app.stop();
    // all that the app has published is there when the broker has counted it
    while ((await outside.checkQueue('out')).messageCount > 0 || found.caused < app.caused) await sleep(5);
    return found;
  } finally {
    for (const connection of ends) await connection.close();
  }
}

/** Holds what a message's context says against what its body says. */
function count({ content, properties: { headers } }: ConsumeMessage, found: Measured): void {
  const truth = content.toString();
  const trace = String(headers?.traceparent).split('-')[1];
  // the messages of the bench have such traces, and no other has
  const isTold = trace.startsWith('0'.repeat(16));
  if (truth !== NO_CAUSE) found.caused++;
  if (!isTold) return;
  found.told++;
  if (truth !== NO_CAUSE && trace === traceOf(Number(truth))) found.right++;
}

class App {
  handled = 0;
  /** publishes that come of a message, so far */
  caused = 0;
  readonly #scenario: Scenario;
  readonly #channel: Channel;
  readonly #other: Channel;
  #working: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(scenario: Scenario, channel: Channel, other: Channel) {
    this.#scenario = scenario;
    this.#channel = channel;
    this.#other = other;
  }

  async start(queues: readonly string[]): Promise<void> {
    const { prefetch, concurrent, timer } = this.#scenario;
    // over all consumers of the channel
    await this.#channel.prefetch(prefetch, true);
    for (const [index, queue] of queues.entries()) {
      await this.#channel.consume(queue, (message) => {
        const work = () => this.#handle(message as ConsumeMessage, `out.${index}`);
        this.#working = concurrent ? Promise.all([this.#working, work()]) : this.#working.then(work);
      });
    }
    if (timer !== undefined) {
      this.#timer = setInterval(() => this.#channel.publish('ticks', '', Buffer.from(NO_CAUSE)), timer);
    }
  }

  async #handle(message: ConsumeMessage, exchange: string): Promise<void> {
    const { acksFirst, sometimes, several } = this.#scenario;
    await sleep(Math.random() * 3);
    if (acksFirst) {
      this.#channel.ack(message);
      await sleep(Math.random() * 3);
    }
    const number = Number(message.content.toString());
    const publishes = sometimes ? number % 2 : several ? 1 + (number % 3) : 1;
    for (let i = 0; i < publishes; i++) this.#publish(message, exchange);
    if (!acksFirst) this.#channel.ack(message);
    this.handled++;
  }

  #publish({ content, properties }: ConsumeMessage, exchange: string): void {
    const { elsewhere, carries } = this.#scenario;
    const { correlationId, messageId, headers } = properties;
    const channel = elsewhere ? this.#other : this.#channel;
    this.caused++;
    channel.publish(exchange, '', content, {
      ...(carries === 'correlation id' && { correlationId }),
      ...(carries === 'message id as correlation id' && { correlationId: messageId }),
      ...(carries === 'traceparent' && { headers: { traceparent: headers?.traceparent } }),
    });
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    // answers say that the broker has read all there was
    await this.#channel.checkQueue('out');
    await this.#other.checkQueue('out');
  }
}
