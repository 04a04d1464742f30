import { readFileSync } from 'node:fs';
import { connect } from 'amqplib';
import { until } from '../../../testing/wait.ts';
import type { Client, Counted, Reachable, Results } from '../client.ts';

const MESSAGES = 100_000;
const PREFETCH = 2000;
const ACKED_TOGETHER = 500;
const { version } = JSON.parse(
  readFileSync(new URL('../../../node_modules/amqplib/package.json', import.meta.url), 'utf8'),
) as { version: string };

/** Many messages, with confirms and acknowledgements of many at a time: what a load generator does. */
export const highVolume: Client = {
  name: 'high-volume',
  language: 'JavaScript',
  version: `amqplib-${version}`,
  suite: `a generator of ours: ${MESSAGES.toLocaleString('en')} messages, ${ACKED_TOGETHER} per ack`,
  source: 'none',
  minutes: 10,
  async run(_, broker) {
    const { confirmed, got } = await generate();
    const results: Results = {
      'every message is confirmed': outcome(confirmed === MESSAGES),
      'every message comes once, in order': outcome(got.every((index, position) => index === position)),
      'no message is missing': outcome(got.length === MESSAGES),
      'the sidecar counts what was published and delivered': outcome(await countsAreTrue(broker)),
    };
    return results;
  },
};

async function generate(): Promise<{ confirmed: number; got: number[] }> {
  const connection = await connect('amqp://guest:guest@127.0.0.1:5672');
  const publisher = await connection.createConfirmChannel();
  const consumer = await connection.createChannel();
  const { queue } = await publisher.assertQueue('', { exclusive: true });
  const got: number[] = [];
  let confirmed = 0;
  await consumer.prefetch(PREFETCH);
  await consumer.consume(queue, (message) => {
    if (message === null) return;
    got.push(message.content.readUInt32BE());
    if (got.length % ACKED_TOGETHER === 0) consumer.ack(message, true);
  });
  for (let index = 0; index < MESSAGES; index++) {
    const body = Buffer.alloc(100);
    body.writeUInt32BE(index);
    const room = publisher.sendToQueue(queue, body, {}, (refused) => {
      if (refused === null) confirmed++;
    });
    if (!room) await new Promise<void>((resolve) => publisher.once('drain', resolve));
  }
  await publisher.waitForConfirms();
  await until(() => got.length >= MESSAGES, 'all messages have come', 300_000);
  // after the settlements, on the same channel
  await consumer.checkQueue(queue);
  await connection.close();
  return { confirmed, got };
}

async function countsAreTrue({ counted }: Reachable): Promise<boolean> {
  if (counted === undefined) return true;
  const whole = ({ published, delivered }: Counted) => published === MESSAGES && delivered === MESSAGES;
  return await until(async () => whole(await counted()), 'the sidecar has counted all', 60_000).catch(() => false);
}

function outcome(good: boolean): 'passed' | 'failed' {
  return good ? 'passed' : 'failed';
}
