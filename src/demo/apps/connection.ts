import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { type Channel, type ChannelModel, connect } from 'amqplib';

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5_000;

/**
 * Keeps an app connected to AMQP_URL until SIGTERM or SIGINT. Each time it connects it opens a channel
 * and runs `work` with it; when the broker is not there, or channel or connection end, it starts over
 * with backoff. `work` runs until `over` aborts, and has its channel for what it must finish after that.
 */
export async function stayConnected<C extends Channel>(
  app: string,
  open: (connection: ChannelModel) => Promise<C>,
  work: (channel: C, over: AbortSignal) => Promise<void>,
): Promise<void> {
  const url = process.env.AMQP_URL ?? 'amqp://guest:guest@127.0.0.1:5672';
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());

  let retry = FIRST_RETRY_MS;
  while (!stop.signal.aborted) {
    try {
      const connection = await connect(url, { clientProperties: { connection_name: app } });
      console.log(`${app}: connected`);
      retry = FIRST_RETRY_MS;
      await use(connection, open, work, stop.signal);
    } catch (error) {
      if (stop.signal.aborted) break;
      console.log(`${app}: ${(error as Error).message || 'no connection'}; again in ${retry} ms`);
      await pause(retry, undefined, { signal: stop.signal }).catch(() => {});
      retry = Math.min(retry * 2, LONGEST_RETRY_MS);
    }
  }
  console.log(`${app}: stopped`);
}

async function use<C extends Channel>(
  connection: ChannelModel,
  open: (connection: ChannelModel) => Promise<C>,
  work: (channel: C, over: AbortSignal) => Promise<void>,
  stop: AbortSignal,
): Promise<void> {
  const lost = new AbortController();
  const fail = (error: Error) => lost.abort(error);
  connection.on('error', fail);
  connection.on('close', () => fail(new Error('the connection ended')));
  try {
    const channel = await open(connection);
    channel.on('error', fail);
    channel.on('close', () => fail(new Error('the channel ended')));
    await work(channel, AbortSignal.any([stop, lost.signal]));
  } finally {
    await connection.close().catch(() => {});
  }
  if (!stop.aborted) throw lost.signal.reason;
}

/** Resolves when the signal aborts. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
