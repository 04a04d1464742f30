import { afterAll, beforeAll } from 'vitest';
import { type Broker, startBroker } from '../../src/demo/broker/broker.ts';
import { nameOf, publish, RawClient } from '../../testing/raw-client.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { bits, type Entry, method, short, table, u16, u32, u64 } from '../../testing/wire.ts';

/** A RabbitMQ or the demo's broker, and a vhost of the same name on each. */
export interface Site {
  port: number;
  vhost: string;
}

/** Both of them, for the tests of the file that calls it: there from its first test to its last. */
export function bothBrokers(): { sites: Record<'rabbitmq' | 'demo', Site>; isRabbitMQ4(): Promise<boolean> } {
  let vhost: Vhost;
  let demo: Broker;
  const sites: Record<'rabbitmq' | 'demo', Site> = {} as never;
  beforeAll(async () => {
    vhost = await createVhost();
    demo = await startBroker({ vhosts: [vhost.name] });
    sites.rabbitmq = { port: vhost.port, vhost: vhost.name };
    sites.demo = { port: demo.port, vhost: vhost.name };
  });
  afterAll(async () => {
    await demo?.stop();
    await vhost?.remove();
  });
  return { sites, isRabbitMQ4: () => isRabbitMQ4(vhost) };
}

/** The demo's broker speaks as RabbitMQ 3 does. */
async function isRabbitMQ4({ management }: Vhost): Promise<boolean> {
  const { rabbitmq_version: version } = (await management.call('GET', 'overview')) as { rabbitmq_version: string };
  return Number.parseInt(version, 10) >= 4;
}

/** The same without what RabbitMQ 4 writes otherwise: the headers of dead letters. */
export function withoutDeaths<T>(seen: T): T {
  const plain = (_: string, value: unknown) =>
    String(value).includes('x-death') && typeof value === 'string' ? 'x-death' : value;
  return JSON.parse(JSON.stringify(seen, plain));
}

const CLOSES = ['10.50', '20.40'];

/** A client with channels 1 and 2 that writes down what it is told. */
export class Witness {
  readonly client: RawClient;
  private constructor(client: RawClient) {
    this.client = client;
  }

  static async open({ port, vhost }: Site, properties: Entry[] = []): Promise<Witness> {
    return new Witness(await RawClient.open({ port, vhost, properties }, 2));
  }

  /** All that comes on this request, up to the answer to one that is sent behind it, or to a close. */
  async told(request: Buffer): Promise<string[]> {
    const { client } = this;
    client.send(request, exchangePassive(request.readUInt16BE(1)));
    // RabbitMQ's queues answer consumers by themselves, so maybe later
    const awaited = ['40.11', { '40.10': '40.11', '60.20': '60.21', '60.30': '60.31' }[nameOf(request)]];
    const said: string[] = [];
    for (;;) {
      const frame = await client.next();
      const at = awaited.indexOf(nameOf(frame));
      if (at >= 0) awaited.splice(at, 1);
      if (nameOf(frame) !== '40.11' || awaited.includes('40.11')) said.push(words(frame));
      if (awaited.every((each) => each === undefined)) return said;
      if (CLOSES.includes(nameOf(frame))) return said;
    }
  }

  /** Sends a request that has an answer. */
  async ask(request: Buffer, classId: number, methodId: number): Promise<string> {
    return words(await this.client.call(request, classId, methodId));
  }

  /** The next message of a queue, got with its method, header and body; waits until there is one. */
  async got(queue: string, noAck = true): Promise<string[]> {
    const first = await until(async () => {
      this.client.send(basicGet(queue, noAck));
      const frame = await this.client.next();
      if (nameOf(frame) === '60.71') return frame;
      if (nameOf(frame) === '60.72') return undefined;
      throw new Error(words(frame));
    }, `a message lies in ${queue}`);
    const frames = [first, await this.client.next()];
    const size = Number(frames[1].readBigUInt64BE(11));
    if (size > 0) frames.push(await this.client.next());
    return frames.map(words);
  }

  /** How many messages lie in a queue, and how many consumers it has. */
  async counts(queue: string): Promise<string> {
    return this.ask(queuePassive(queue), 50, 11);
  }

  /** Waits until so many messages lie in a queue. */
  async holds(queue: string, count: number): Promise<void> {
    await until(async () => {
      const ok = await this.client.call(queuePassive(queue), 50, 11);
      return ok.readUInt32BE(12 + queue.length) === count;
    }, `${queue} holds ${count}`);
  }

  /** The next content: a delivery or a return. */
  async content(): Promise<string[]> {
    const frames = [await this.client.next(), await this.client.next()];
    if (Number(frames[1].readBigUInt64BE(11)) > 0) frames.push(await this.client.next());
    return frames.map(words);
  }

  /** So many frames, of which RabbitMQ's parts send some in any order. */
  async frames(count: number): Promise<string[]> {
    const said: string[] = [];
    while (said.length < count) said.push(words(await this.client.next()));
    return said.toSorted();
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

/** A frame to be compared: its name and its bytes, without what no two brokers have in common. */
function words(frame: Buffer): string {
  const bytes = frame
    .toString('latin1')
    .replace(/(?<=timeT)[\s\S]{8}/g, '<time>')
    .replace(/amq\.(gen|ctag)-[\w-]{22}/g, 'amq.$1-<name>')
    .replace(/.amq\.rabbitmq\.reply-to\.[\w.=+/-]+/gs, '<reply name>');
  // sizes follow from what was replaced
  return `${nameOf(frame)} ${JSON.stringify(bytes === frame.toString('latin1') ? bytes : bytes.slice(7))}`;
}

export const declareQueue = (
  queue: string,
  args: Entry[] = [],
  flags: ('durable' | 'exclusive' | 'autoDelete')[] = [],
) =>
  method(
    1,
    50,
    10,
    u16(0),
    short(queue),
    bits(false, flags.includes('durable'), flags.includes('exclusive'), flags.includes('autoDelete'), false),
    table(args),
  );
export const queuePassive = (queue: string) => method(1, 50, 10, u16(0), short(queue), bits(true), table([]));
export const declareExchange = (
  exchange: string,
  type: string,
  args: Entry[] = [],
  flags: ('durable' | 'autoDelete' | 'internal')[] = [],
) =>
  method(
    1,
    40,
    10,
    u16(0),
    short(exchange),
    short(type),
    bits(false, flags.includes('durable'), flags.includes('autoDelete'), flags.includes('internal'), false),
    table(args),
  );
const exchangePassive = (channel: number) =>
  method(channel, 40, 10, u16(0), short('amq.direct'), short('direct'), bits(true), table([]));
export const bind = (queue: string, exchange: string, key: string, args: Entry[] = []) =>
  method(1, 50, 20, u16(0), short(queue), short(exchange), short(key), bits(false), table(args));
export const unbind = (queue: string, exchange: string, key: string, args: Entry[] = []) =>
  method(1, 50, 50, u16(0), short(queue), short(exchange), short(key), table(args));
export const bindExchange = (destination: string, source: string, key: string) =>
  method(1, 40, 30, u16(0), short(destination), short(source), short(key), bits(false), table([]));
export const deleteQueue = (queue: string, ifUnused = false, ifEmpty = false) =>
  method(1, 50, 40, u16(0), short(queue), bits(ifUnused, ifEmpty, false));
export const deleteExchange = (exchange: string, ifUnused = false) =>
  method(1, 40, 20, u16(0), short(exchange), bits(ifUnused, false));
export const purge = (queue: string) => method(1, 50, 30, u16(0), short(queue), bits(false));
export const basicGet = (queue: string, noAck = false) => method(1, 60, 70, u16(0), short(queue), bits(noAck));
export const consume = (
  queue: string,
  tag: string,
  { noAck = false, exclusive = false, args = [] as Entry[], channel = 1 } = {},
) => method(channel, 60, 20, u16(0), short(queue), short(tag), bits(false, noAck, exclusive, false), table(args));
export const cancel = (tag: string) => method(1, 60, 30, short(tag), bits(false));
export const qos = (count: number, global = false, size = 0) => method(1, 60, 10, u32(size), u16(count), bits(global));
export const ack = (tag: number, multiple = false) => method(1, 60, 80, u64(tag), bits(multiple));
export const nack = (tag: number, multiple = false, requeue = true) =>
  method(1, 60, 120, u64(tag), bits(multiple, requeue));
export const reject = (tag: number, requeue = false) => method(1, 60, 90, u64(tag), bits(requeue));
export const recover = (requeue = true) => method(1, 60, 110, bits(requeue));
export { publish };
