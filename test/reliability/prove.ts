import { readFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import type { RabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare, type Tracehare, type TracehareOptions } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { amqplibWith, type Client } from '../soak/clients.ts';
import { expectTrue, footprint, type Load, startLoad } from './load.ts';

/** How apps speak to the sidecar, and it to its broker. */
export interface Transport {
  name: string;
  /** Of a broker's ports the one that is spoken to like this. */
  brokerPort(broker: RabbitMQ): number;
  /** of a sidecar whose broker is found at `upstream`, HOST:PORT */
  sidecar(broker: RabbitMQ, upstream: string, options?: TracehareOptions): TracehareOptions;
  /** where apps find a sidecar with this port; heartbeats in seconds */
  url(port: number, heartbeat?: number): string;
  /** of an app's socket */
  options(broker: RabbitMQ): object;
}

const certificatesOf = ({ certificates }: RabbitMQ) => {
  if (certificates === undefined) throw new Error('the broker was started without TLS');
  return certificates;
};

/** Each fault that is a matter of connections happens to all of them; brokers are started with TLS for it. */
export const TRANSPORTS: readonly Transport[] = [
  {
    name: 'plain',
    brokerPort: ({ port }) => port,
    sidecar: (_, upstream, options) => ({ upstream: `amqp://${upstream}`, ...options }),
    url: (port, heartbeat = 5) => `amqp://guest:guest@127.0.0.1:${port}?heartbeat=${heartbeat}`,
    options: () => ({}),
  },
  {
    name: 'mutual TLS, two workers',
    brokerPort: ({ tlsPort }) => tlsPort,
    sidecar(broker, upstream, options = {}) {
      const { ca, server, client } = certificatesOf(broker);
      const config = `listen: { address: 127.0.0.1:0, tls: { cert: ${server.cert}, key: ${server.key}, ca: ${ca}, clientCertificate: require } }
upstream: { urls: ['amqps://${upstream}'], tls: { ca: ${ca}, cert: ${client.cert}, key: ${client.key}, serverName: localhost } }
`;
      const args = ['--workers', '2', ...(options.args ?? [])];
      return { ...options, config: `${config}${options.config ?? ''}`, args };
    },
    url: (port, heartbeat = 5) => `amqps://guest:guest@localhost:${port}?heartbeat=${heartbeat}`,
    options(broker) {
      const { ca, client } = certificatesOf(broker);
      const [cert, key, authority] = [client.cert, client.key, ca].map((file) => readFileSync(file));
      return { cert, key, ca: [authority] };
    },
  },
];

/** A sidecar that is killed when the test has finished, if it is still there. */
export async function startSidecar(options: TracehareOptions): Promise<Tracehare> {
  const sidecar = await startTracehare(options);
  onTestFinished(async () => void (await sidecar.kill()));
  return sidecar;
}

/** A name of a queue out of the words of a test. */
export const queueOf = (...words: string[]): string => words.join(' ').replace(/\W+/g, '-');

export interface Proof {
  broker: RabbitMQ;
  queue: string;
  /** from the app to the broker */
  sidecars: readonly Tracehare[];
  url: string;
  client?: Client;
}

/** Something goes wrong under load: what must hold after it, holds. */
export async function prove(
  { broker, queue, sidecars, url, client }: Proof,
  trouble: (load: Load) => Promise<unknown>,
): Promise<void> {
  await broker.management.call('PUT', `queues/%2F/${queue}`, { durable: true });
  const footprints = sidecars.map(footprint);
  const load = startLoad(url, queue, client);
  await load.flows();
  await trouble(load);
  await load.flows();
  await load.end(() => sidecars[0]);
  for (const sidecar of sidecars) {
    await until(async () => (await sidecar.metrics()).sum('tracehare_connections') === 0, 'the apps have left');
    await expectTrue(sidecar, queue, load.known);
  }
  for (const each of footprints) await each.expectBack();
}

/** The same, with one sidecar whose broker is found at `upstream`, HOST:PORT. */
export async function proveWith(
  transport: Transport,
  broker: RabbitMQ,
  queue: string,
  trouble: (load: Load, sidecar: Tracehare) => Promise<unknown>,
  options: TracehareOptions & { at?: string; heartbeat?: number } = {},
): Promise<void> {
  const { at = `localhost:${transport.brokerPort(broker)}`, heartbeat, ...rest } = options;
  const sidecar = await startSidecar(transport.sidecar(broker, at, rest));
  const url = transport.url(sidecar.port, heartbeat);
  const client = amqplibWith(transport.options(broker));
  await prove({ broker, queue, sidecars: [sidecar], url, client }, (load) => trouble(load, sidecar));
}
