import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { expectTrue, footprint, type Load, startLoad } from './load.ts';
import { type Network, startNetwork } from './network.ts';

// Between the sidecar and its broker lies a link of the kernel's, of which the far end is in a network of its own.

let broker: RabbitMQ;
beforeAll(async () => {
  broker = await startRabbitMQ();
});
afterAll(() => broker?.stop());

async function prove(
  queue: string,
  trouble: (network: Network, load: Load, sidecar: Tracehare) => Promise<void>,
  heartbeat = 2,
): Promise<void> {
  const network = await startNetwork(broker.port);
  onTestFinished(() => network.remove());
  await broker.management.call('PUT', `queues/%2F/${queue}`, { durable: true });
  const sidecar = await startTracehare({ upstream: network.upstream, args: ['--upstream-connect-timeout', '2s'] });
  onTestFinished(async () => void (await sidecar.kill()));
  const before = footprint(sidecar);
  const load = startLoad(`amqp://guest:guest@127.0.0.1:${sidecar.port}?heartbeat=${heartbeat}`, queue);
  await load.flows();
  await trouble(network, load, sidecar);
  await load.flows();
  await load.end(() => sidecar);
  await expectTrue(sidecar, queue, load.known);
  await before.expectBack();
}

test('black-holed: nothing is told, apps and broker find out by their heartbeats, and all comes back', () =>
  prove('black-hole', async (network, load, sidecar) => {
    const broken = load.known.broken;
    network.cut();
    await until(() => load.known.broken > broken, 'an app has given up');
    await until(
      async () =>
        (await sidecar.metrics()).sum('tracehare_connections_refused_total', { reason: 'upstream_unreachable' }) > 0,
      'dials are given up',
    );
    network.mend();
  }));

test('a black hole shorter than a heartbeat: TCP makes up for it, and no connection is lost', () =>
  prove(
    'hiccup',
    async (network, load) => {
      network.cut();
      await sleep(1000);
      network.mend();
      await load.flows();
      expect(load.known.broken).toBe(0);
    },
    30,
  ));

test('slowed to a few hundred kbit a second', () =>
  prove('slow', async (network, load) => {
    network.limit('400kbit');
    await load.flows(200);
  }));

test('reset again and again', () =>
  prove('reset', async (network, load) => {
    for (let times = 1; times <= 5; times++) {
      const { broken } = load.known;
      network.reset();
      await until(() => load.known.broken > broken, 'an app has seen it');
      await load.flows();
    }
  }));

test('an MTU that shrinks while connections are open', () =>
  prove('mtu', async (network, load) => {
    network.mtu(576);
    await load.flows(200);
  }));
