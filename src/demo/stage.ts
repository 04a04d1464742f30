import { once } from 'node:events';
import { connect } from 'node:net';
import { startBroker } from './broker/broker.ts';
import type { Options } from './options.ts';
import { startRabbitMQ } from './rabbitmq.ts';

/** An end that is nobody's bug: one line for the user. */
export class Failure extends Error {}

/** The broker that the demo plays on. */
export interface Stage {
  url: URL;
  said: string;
  /** why it is gone, undefined while it is there */
  gone(): string | undefined;
  stop(): Promise<void>;
}

export async function setStage({ broker, upstream }: Options, signal: AbortSignal): Promise<Stage> {
  if (upstream !== undefined) return existing(upstream, signal);
  if (broker === 'rabbitmq') return installed(signal);
  const { port, stop } = await startBroker();
  const url = new URL(`amqp://127.0.0.1:${port}`);
  return { url, said: `${addressOf(url)}, embedded, for demos and tests only`, gone: () => undefined, stop };
}

async function existing(url: URL, signal: AbortSignal): Promise<Stage> {
  const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port: portOf(url) });
  try {
    await once(socket, 'connect', { signal });
  } catch (error) {
    throw new Failure(`no broker at ${addressOf(url)}: ${(error as Error).message}; start it, or leave --upstream out`);
  } finally {
    socket.destroy();
  }
  return { url, said: addressOf(url), gone: () => undefined, stop: async () => {} };
}

async function installed(signal: AbortSignal): Promise<Stage> {
  console.log('demo: starting the installed RabbitMQ');
  const rabbitmq = await startRabbitMQ(signal).catch((error: Error) => {
    throw new Failure(error.message);
  });
  const url = new URL(`amqp://127.0.0.1:${rabbitmq.port}`);
  return { ...rabbitmq, url, said: `${addressOf(url)}, a RabbitMQ that ends with the demo` };
}

/** Without credentials, which a sidecar is not told: the app's own pass through. */
export function addressOf(url: URL): string {
  return `${url.protocol}//${url.hostname}:${portOf(url)}`;
}

function portOf(url: URL): number {
  return Number(url.port || (url.protocol === 'amqps:' ? 5671 : 5672));
}
