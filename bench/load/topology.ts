import { app } from '../../testing/peer-frames.ts';
import { Client } from './client.ts';
import type { LoadSpec } from './load.ts';

export const pairsOf = ({ connections }: LoadSpec): number => Math.max(1, connections >> 1);
export const queueOf = (pair: number): string => `bench.q${pair}`;

/** All names equally long, so that all messages are. */
export function exchangeOf({ topics }: LoadSpec, topic: number): string {
  return topics === 1 ? 'bench' : `bench.${String(topic).padStart(5, '0')}`;
}

/** Declares at the broker itself what the load needs; what an earlier load left is emptied. */
export async function prepare(spec: LoadSpec): Promise<void> {
  const { brokerPort, topics } = spec;
  const client = await new Client(brokerPort, false).open();
  for (let pair = 0; pair < pairsOf(spec); pair++) {
    await client.call(app.queueDelete(queueOf(pair)), 50, 41);
    await client.call(app.queueDeclare(queueOf(pair)), 50, 11);
  }
  for (let topic = 0; topic < topics; topic++) {
    await client.call(app.exchangeDeclare(exchangeOf(spec, topic), topics === 1 ? 'direct' : 'fanout'), 40, 11);
  }
  for (let topic = 0; topic < Math.max(topics, pairsOf(spec)); topic++) {
    const queue = queueOf(topics === 1 ? topic : 0);
    await client.call(app.queueBind(queue, exchangeOf(spec, topics === 1 ? 0 : topic), queue), 50, 21);
  }
  await client.close();
}

/** Takes the queues away again; the exchanges serve the next load. */
export async function clear(spec: LoadSpec): Promise<void> {
  const client = await new Client(spec.brokerPort, false).open();
  for (let pair = 0; pair < pairsOf(spec); pair++) await client.call(app.queueDelete(queueOf(pair)), 50, 41);
  await client.close();
}
