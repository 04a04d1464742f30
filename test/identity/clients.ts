import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { AMQPClient } from '@cloudamqp/amqp-client';
import { connect } from 'amqplib';
import { Connection } from 'rabbitmq-client';
import { pikaPython } from '../../scripts/provision.mjs';
import { run } from '../../testing/processes.ts';

/** An unmodified client that does its work at `url` and leaves in order. */
export interface Client {
  name: string;
  /** a few hundred bytes: every split of them can be tried */
  few(url: string): Promise<void>;
  /** bodies above frame_max, all kinds of headers, returns, deliveries, acks */
  much(url: string): Promise<void>;
}

const VALID = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const SIZES = [0, 1, 131_064, 131_065, 400_000];
const HEADERS = {
  text: 'grüße',
  yes: true,
  int: -7,
  double: 2.5,
  nothing: null,
  list: ['a', [1]],
  table: { a: { b: 'c' } },
};
/** Headers of our own names, as an app may have written them. */
const OURS = [
  {},
  { traceparent: VALID, tracestate: 'a=b', last: 1 },
  { traceparent: 'invalid', tracestate: 'a=b', last: 1 },
  { 'x-tracehare-sent': 5, last: 1 },
];

const amqplib: Client = {
  name: 'amqplib',
  async few(url) {
    const connection = await connect(url);
    const channel = await connection.createChannel();
    channel.publish('', 'nowhere', Buffer.from('body'));
    channel.publish('', 'nowhere', Buffer.from('more'), { headers: HEADERS, correlationId: 'c', persistent: true });
    await channel.close();
    await connection.close();
  },
  async much(url) {
    const connection = await connect(url);
    const channel = await connection.createConfirmChannel();
    const { queue } = await channel.assertQueue('', { exclusive: true });
    const bodies = SIZES.map((size) => Buffer.alloc(size, 0xce));
    for (const body of bodies) channel.publish('', queue, body);
    for (const headers of OURS) channel.publish('', queue, Buffer.from('body'), { headers });
    let returned = 0;
    channel.on('return', () => returned++);
    channel.publish('', 'nowhere', Buffer.from('returned'), { mandatory: true });
    const properties = { contentType: 'text/plain', contentEncoding: 'identity', appId: 'a', type: 't', timestamp: 1 };
    channel.publish('', 'nowhere', Buffer.from('returned'), { mandatory: true, headers: HEADERS, ...properties });
    await channel.waitForConfirms();
    if (returned !== 2) throw new Error(`${returned} returned`);
    const other = await connection.createChannel();
    let left = bodies.length + OURS.length;
    await new Promise<void>((resolve) => {
      other.consume(queue, (message) => {
        if (message !== null) other.ack(message);
        if (--left === 0) resolve();
      });
    });
    await other.close();
    await connection.close();
  },
};

const cloudamqp: Client = {
  name: '@cloudamqp/amqp-client',
  async few(url) {
    const client = new AMQPClient(url);
    await client.connect();
    const channel = await client.channel();
    await channel.basicPublish('', 'nowhere', 'body');
    await channel.basicPublish('', 'nowhere', 'more', { headers: { ...HEADERS }, correlationId: 'c', deliveryMode: 2 });
    await channel.close();
    await client.close();
  },
  async much(url) {
    const client = new AMQPClient(url);
    await client.connect();
    const channel = await client.channel();
    const { name } = await channel.queueDeclare('', { exclusive: true });
    await channel.confirmSelect();
    for (const size of SIZES) await channel.basicPublish('', name, new Uint8Array(size).fill(0xce));
    for (const headers of OURS) await channel.basicPublish('', name, 'body', { headers });
    channel.onReturn = () => {};
    await channel.basicPublish('', 'nowhere', 'returned', {}, true);
    await channel.basicPublish('', 'nowhere', 'returned', { headers: { ...HEADERS }, appId: 'a' }, true);
    let left = SIZES.length + OURS.length;
    await new Promise<void>((resolve) => {
      channel.basicConsume(name, { noAck: false }, (message) => {
        message.ack();
        if (--left === 0) resolve();
      });
    });
    await channel.close();
    await client.close();
  },
};

const rabbitmqClient: Client = {
  name: 'rabbitmq-client',
  async few(url) {
    const connection = new Connection(url);
    const channel = await connection.acquire();
    await channel.basicPublish({ routingKey: 'nowhere' }, Buffer.from('body'));
    await channel.basicPublish(
      { routingKey: 'nowhere', headers: HEADERS, correlationId: 'c', durable: true },
      Buffer.from('more'),
    );
    await channel.close();
    await connection.close();
  },
  async much(url) {
    const connection = new Connection(url);
    const publisher = connection.createPublisher({ confirm: true });
    const queue = 'identity';
    const queueOptions = { exclusive: true };
    await connection.queueDeclare({ queue, ...queueOptions });
    for (const size of SIZES) await publisher.send(queue, Buffer.alloc(size, 0xce));
    for (const headers of OURS) await publisher.send({ routingKey: queue, headers }, 'body');
    const returned = once(publisher, 'basic.return');
    await publisher.send({ routingKey: 'nowhere', mandatory: true, headers: HEADERS, appId: 'a' }, 'returned');
    await returned;
    let left = SIZES.length + OURS.length;
    await new Promise<void>((resolve) => {
      const consumer = connection.createConsumer({ queue, queueOptions, qos: { prefetchCount: 2 } }, async () => {
        if (--left === 0) setImmediate(() => consumer.close().then(resolve));
      });
    });
    await publisher.close();
    await connection.close();
  },
};

async function program(command: string, args: string[], input?: Buffer): Promise<void> {
  const { code, stderr } = await run(command, args, input === undefined ? {} : { input });
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${stderr}`);
}

const script = fileURLToPath(new URL('../clients/pika_identity.py', import.meta.url));
const pika: Client = {
  name: 'pika',
  few: (url) => program(pikaPython() ?? 'python3', [script, url, 'few']),
  much: (url) => program(pikaPython() ?? 'python3', [script, url, 'much']),
};

const amqpTools: Client = {
  name: 'amqp-publish',
  few: (url) =>
    program('amqp-publish', ['-u', url, '-r', 'nowhere', '-H', 'own: header', '-C', 'text/plain', '-b', 'body']),
  much: (url) => program('amqp-publish', ['-u', url, '-r', 'nowhere', '-p'], Buffer.alloc(400_000, 0xce)),
};

export const clients: readonly Client[] = [amqplib, cloudamqp, rabbitmqClient, pika, amqpTools];
