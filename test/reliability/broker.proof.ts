import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, onTestFinished, test } from 'vitest';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare, type Tracehare, type TracehareOptions } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { amqplibWith, type Client } from '../soak/clients.ts';
import { expectTrue, footprint, startLoad } from './load.ts';

let broker: RabbitMQ;
let certificates: NonNullable<RabbitMQ['certificates']>;
beforeAll(async () => {
  broker = await startRabbitMQ({ tls: true });
  certificates = broker.certificates as typeof certificates;
});
afterAll(() => broker?.stop());

/** What goes wrong, under load; resolves when it is over. */
const TROUBLES: Record<string, () => Promise<unknown>> = {
  async killed() {
    await broker.kill();
    await broker.restart();
  },
  async stopped() {
    await broker.kill('SIGTERM');
    await broker.restart();
  },
  async restarted() {
    await broker.ctl('stop_app');
    await broker.ctl('start_app');
  },
  async 'alarmed for memory'() {
    await broker.ctl('set_vm_memory_high_watermark', '0.000001');
    await until(async () => (await alarms()).includes('memory'), 'it is alarmed');
    await broker.ctl('set_vm_memory_high_watermark', 'absolute', '64GB');
  },
  async 'alarmed for its disk'() {
    await broker.ctl('set_disk_free_limit', '900000GB');
    await until(async () => (await alarms()).includes('disk'), 'it is alarmed');
    await broker.ctl('set_disk_free_limit', '1MB');
  },
};
const alarms = () => broker.ctl('eval', 'rabbit_alarm:get_alarms().');

/** Sidecars in a row from app to broker. */
async function sidecars(...all: TracehareOptions[]): Promise<Tracehare[]> {
  const started: Tracehare[] = [];
  for (const options of all.toReversed()) {
    const [next] = started;
    const sidecar = await startTracehare({
      ...(options.config === undefined && { upstream: `amqp://127.0.0.1:${next?.port ?? broker.port}` }),
      ...options,
    });
    onTestFinished(async () => void (await sidecar.kill()));
    started.unshift(sidecar);
  }
  return started;
}

const queueOf = (name: string): string => name.replaceAll(' ', '-');

async function prove(
  chain: Tracehare[],
  name: string,
  trouble: () => Promise<unknown>,
  url: string,
  client?: Client,
): Promise<void> {
  const queue = queueOf(name);
  await broker.management.call('PUT', `queues/%2F/${queue}`, { durable: true });
  const footprints = chain.map(footprint);
  const load = startLoad(url, queue, client);
  await load.flows();
  await trouble();
  await load.flows();
  await load.end(() => chain[0]);
  for (const sidecar of chain) {
    await until(async () => (await sidecar.metrics()).sum('tracehare_connections') === 0, 'the apps have left');
    await expectTrue(sidecar, queue, load.known);
  }
  for (const each of footprints) await each.expectBack();
}

const plain = ({ port }: Tracehare): string => `amqp://guest:guest@127.0.0.1:${port}?heartbeat=5`;

describe('a broker that is', () => {
  test.each(Object.entries(TROUBLES))('%s', async (name, trouble) => {
    const chain = await sidecars({});
    await prove(chain, name, trouble, plain(chain[0]));
  });
});

describe('a broker that is killed', () => {
  test('behind two sidecars in a row', async () => {
    const chain = await sidecars({}, {});
    await prove(chain, 'two in a row', TROUBLES.killed, plain(chain[0]));
  });

  test('behind several workers', async () => {
    const chain = await sidecars({ args: ['--workers', '3'] });
    await prove(chain, 'workers', TROUBLES.killed, plain(chain[0]));
  });

  test('with TLS on both sides, and certificates of both', async () => {
    const { ca, server, client } = certificates;
    const chain = await sidecars({
      config: `listen: { address: 127.0.0.1:0, tls: { cert: ${server.cert}, key: ${server.key}, ca: ${ca}, clientCertificate: require } }
upstream: { urls: ['amqps://localhost:${broker.tlsPort}'], tls: { ca: ${ca}, cert: ${client.cert}, key: ${client.key} } }
`,
    });
    const [cert, key, authority] = [client.cert, client.key, ca].map((file) => readFileSync(file));
    const overTls = amqplibWith({ cert, key, ca: [authority] });
    await prove(chain, 'mtls', TROUBLES.killed, `amqps://guest:guest@localhost:${chain[0].port}?heartbeat=5`, overTls);
  });
});
