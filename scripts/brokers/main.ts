// Runs a scenario through Tracehare on another broker of AMQP 0-9-1 than RabbitMQ, and directly: what the app sees must be
// the same, and every figure what the app knows to be true.
//
//   npm run proof:brokers      (docs/testing.md has what was found)
import { deepStrictEqual } from 'node:assert/strict';
import { type Channel, type ChannelModel, type ConfirmChannel, connect, type GetMessage } from 'amqplib';
import { startTracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { startBrokerJ } from './broker-j.ts';

const MESSAGES = 500;
const LARGE = Buffer.alloc(3 << 20, 'large');
const VHOST = 'default';

/** What the app saw, in its own words. */
type Seen = Record<string, unknown>;

const answers = (channel: ConfirmChannel, mandatory: boolean, key: string): Promise<string> =>
  new Promise((resolve) => {
    channel.publish('', key, Buffer.from('x'), { mandatory }, (error) => resolve(error ? 'nack' : 'ack'));
  });

function returnsOf(channel: Channel): { count: number; withHeaders: number } {
  const seen = { count: 0, withHeaders: 0 };
  channel.on('return', ({ properties }) => {
    seen.count++;
    if (Object.keys(properties.headers ?? {}).length > 0) seen.withHeaders++;
  });
  return seen;
}

/** The same each time: `name` keeps the topics of two runs apart. */
async function scenario(port: number, name: string): Promise<Seen> {
  const connection = await connect(`amqp://guest:guest@127.0.0.1:${port}/${VHOST}`);
  connection.on('error', () => {});
  try {
    return { ...(await plain(connection, name)), ...(await confirms(connection, name)), ...(await errors(connection)) };
  } finally {
    await connection.close();
  }
}

async function plain(connection: ChannelModel, name: string): Promise<Seen> {
  const channel = await connection.createChannel();
  const returns = returnsOf(channel);
  const queue = `${name}.jobs`;
  await channel.assertQueue(queue, { durable: false });
  await channel.prefetch(50);
  for (let i = 0; i < MESSAGES; i++) channel.sendToQueue(queue, Buffer.from(`job ${i}`));
  channel.sendToQueue(queue, LARGE);
  channel.publish('', `${name}.nowhere`, Buffer.from('x'));
  channel.publish('', `${name}.nowhere`, Buffer.from('x'), { mandatory: true });
  await channel.checkQueue(queue);
  const bodies: number[] = [];
  let redelivered = 0;
  const { consumerTag } = await channel.consume(queue, (message) => {
    if (message === null) return;
    const { fields, content } = message;
    if (fields.redelivered) redelivered++;
    else bodies.push(content.length);
    // the first is given back; the second is thrown away, which Broker-J gives back too without a queue for dead letters
    if (bodies.length === 1 && !fields.redelivered) channel.nack(message, false, true);
    else if (bodies.length === 2 && !fields.redelivered) channel.reject(message, false);
    else channel.ack(message);
  });
  await until(
    () => bodies.length === MESSAGES + 1 && redelivered === 2,
    () => `all was delivered: ${bodies.length} once, ${redelivered} again`,
  );
  await channel.cancel(consumerTag);
  const left = (await channel.checkQueue(queue)).messageCount;
  await channel.close();
  return { large: bodies.at(-1), delivered: bodies.length, redelivered, left, returns };
}

async function confirms(connection: ChannelModel, name: string): Promise<Seen> {
  const channel = await connection.createConfirmChannel();
  const returns = returnsOf(channel);
  const [exchange, queue] = [`${name}.orders`, `${name}.billing`];
  await channel.assertExchange(exchange, 'topic', { durable: false });
  await channel.assertQueue(queue, { durable: false });
  await channel.bindQueue(queue, exchange, 'order.#');
  for (let i = 0; i < MESSAGES; i++) channel.publish(exchange, 'order.created', Buffer.from(`order ${i}`));
  await channel.waitForConfirms();
  const unroutable = await answers(channel, false, `${name}.missing`);
  const mandatory = await answers(channel, true, `${name}.mandatory`);
  await channel.checkQueue(queue);
  let got = 0;
  for (let message: GetMessage | false; ; got++) {
    message = await channel.get(queue);
    if (message === false) break;
    channel.ack(message);
  }
  await channel.close();
  return { unroutable, mandatory, got, confirmedReturns: returns };
}

/** A channel's error leaves the connection as it was. */
async function errors(connection: ChannelModel): Promise<Seen> {
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  const error = await channel.checkQueue('not there').then(
    () => 'none',
    ({ code }) => code,
  );
  const next = await connection.createChannel();
  await next.close();
  return { error };
}

const broker = await startBrokerJ();
let failed = 0;
try {
  console.log(`brokers: ${broker.name}`);
  const direct = await scenario(broker.port, 'direct');
  for (const mode of ['off', 'returns', 'confirms']) {
    const sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${broker.port}`, args: ['--loss', mode] });
    try {
      deepStrictEqual(await scenario(sidecar.port, mode), direct);
      const expected = truth(mode);
      await until(
        async () => JSON.stringify(await figures(sidecar)) === JSON.stringify(expected),
        'the figures are true',
        20_000,
      ).catch(async () => deepStrictEqual(await figures(sidecar), expected));
      console.log(`ok      --loss ${mode}: the app sees what it sees directly, and the figures are true`);
    } catch (error) {
      failed++;
      console.log(`failed  --loss ${mode}: ${(error as Error).message}`);
    } finally {
      await sidecar.stop();
    }
  }
} finally {
  await broker.stop();
}
process.exitCode = failed === 0 ? 0 : 1;

/** What must be counted of a scenario. */
function truth(mode: string): Record<string, number> {
  // without confirms only a return tells that nobody got it: the app's own, and ours
  const unroutable = mode === 'off' ? 1 : 2;
  const published = 2 * MESSAGES + 5;
  return {
    published: published - unroutable - 1,
    publishFailed: unroutable + 1,
    unroutable,
    nacked: 1,
    consumed: 2 * MESSAGES + 1,
    rejected: 1,
    redelivered: 2,
    unknown: 0,
  };
}

async function figures({ metrics }: Awaited<ReturnType<typeof startTracehare>>): Promise<Record<string, number>> {
  const seen = await metrics();
  const throughput = (side: string, status: string) => seen.sum('event_throughput_total', { side, status });
  const lost = (reason: string) => seen.sum('event_lost_total', { reason });
  return {
    published: throughput('publish', 'success'),
    publishFailed: throughput('publish', 'failed'),
    unroutable: lost('unroutable'),
    nacked: lost('nacked'),
    consumed: throughput('consume', 'success'),
    rejected: lost('rejected'),
    redelivered: seen.sum('event_redelivered_total'),
    unknown: seen.sum('event_unknown_total'),
  };
}
