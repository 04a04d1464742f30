import { setTimeout as sleep } from 'node:timers/promises';
import { type ChannelModel, connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import type { Load } from './load.ts';
import { type Network, startNetwork } from './network.ts';
import { prove, proveWith, queueOf, startSidecar, TRANSPORTS } from './prove.ts';

// Between the sidecar and its broker lies a link of the kernel's, of which the far end is in a network of its own.

let broker: RabbitMQ;
beforeAll(async () => {
  broker = await startRabbitMQ({ tls: true });
});
afterAll(() => broker?.stop());

interface Scene {
  network: Network;
  load: Load;
  sidecar: Tracehare;
}
type Trouble = (scene: Scene) => Promise<unknown>;

async function networkTo(port: number): Promise<Network> {
  const network = await startNetwork(port);
  onTestFinished(() => network.remove());
  return network;
}

/** Apps and broker find out by their heartbeats, and close what they had. */
const untilGivenUp = async ({ load: { known } }: Scene, cut: () => void): Promise<void> => {
  const { broken } = known;
  cut();
  await until(() => known.broken > broken, 'an app has given up');
};

/** Bytes that the sidecar sends on a slow link, and that are on their way when it is reset. */
const LARGE = Buffer.alloc(4 * 2 ** 20, 'x');

const TROUBLES: Record<string, { trouble: Trouble; heartbeat?: number }> = {
  'black-holed: apps and broker find out by their heartbeats, and dials are given up': {
    async trouble(scene) {
      await untilGivenUp(scene, scene.network.cut);
      const refused = async () =>
        (await scene.sidecar.metrics()).sum('tracehare_connections_refused_total', { reason: 'upstream_unreachable' });
      await until(async () => (await refused()) > 0, 'dials are given up');
      scene.network.mend();
    },
  },
  'cut on the way to the broker alone': {
    async trouble(scene) {
      await untilGivenUp(scene, () => scene.network.cutOneWay('there'));
      scene.network.mend();
    },
  },
  'cut on the way from the broker alone': {
    async trouble(scene) {
      await untilGivenUp(scene, () => scene.network.cutOneWay('back'));
      scene.network.mend();
    },
  },
  'black-holed for less than a heartbeat: TCP makes up for it, and no connection is lost': {
    async trouble({ network, load }) {
      network.cut();
      await sleep(1000);
      network.mend();
      await load.flows();
      expect(load.known.broken).toBe(0);
    },
    heartbeat: 30,
  },
  'losing one packet in ten: no connection is lost': {
    async trouble({ network, load }) {
      network.lose(0.1);
      await load.flows(200);
      network.mend();
      expect(load.known.broken).toBe(0);
    },
    heartbeat: 30,
  },
  'slowed to a few hundred kbit a second': {
    async trouble({ network, load }) {
      network.limit('400kbit');
      await load.flows(200);
    },
  },
  'reset again and again': {
    async trouble({ network, load }) {
      for (let times = 1; times <= 5; times++) {
        const { broken } = load.known;
        network.reset();
        await until(() => load.known.broken > broken, 'an app has seen it');
        await load.flows();
      }
    },
  },
  'of an MTU that shrinks while connections are open': {
    async trouble({ network, load }) {
      network.mtu(576);
      await load.flows(200);
    },
  },
};

describe.each(TRANSPORTS)('a network to the broker, with $name, that is', (transport) => {
  test.each(Object.entries(TROUBLES))('%s', async (name, { trouble, heartbeat = 2 }) => {
    const network = await networkTo(transport.brokerPort(broker));
    const options = { at: network.address, heartbeat, args: ['--upstream-connect-timeout', '2s'] };
    const queue = queueOf(name.slice(0, 60), transport.name);
    await proveWith(transport, broker, queue, (load, sidecar) => trouble({ network, load, sidecar }), options);
  });

  test.each(['publish', 'delivery'] as const)(
    'reset in the middle of a large %s: half a message counts as none, and comes whole the next time',
    async (side) => {
      const network = await networkTo(transport.brokerPort(broker));
      const large = queueOf('large', side, transport.name);
      await broker.management.call('PUT', `queues/%2F/${large}`, { durable: true });
      const trouble = async (load: Load, sidecar: Tracehare) => {
        const app = () => connectTo(transport.url(sidecar.port, 60), transport.options(broker));
        if (side === 'delivery') await store(large);
        network.limit('400kbit');
        const first = await app();
        const gone = new Promise((resolve) => first.once('close', resolve));
        const channel = await first.createConfirmChannel();
        let taken = 0;
        if (side === 'publish') channel.sendToQueue(large, LARGE, {}, () => {});
        else await channel.consume(large, () => taken++);
        await sleep(1000);
        network.reset();
        await gone;
        network.mend();
        const of = async (name: string, labels = {}) =>
          (await sidecar.metrics()).sum(name, { topic: large, ...labels });
        expect({ taken, ended: await of('event_throughput_total') }).toEqual({ taken: 0, ended: 0 });
        expect(await of('event_unknown_total')).toBeLessThanOrEqual(1);

        const second = await app();
        const again = await second.createConfirmChannel();
        const there = async () => (await again.checkQueue(large)).messageCount;
        if (side === 'publish') expect(await there()).toBe(0);
        else await until(async () => (await there()) === 1, 'it is back in its queue');
        if (side === 'publish') {
          again.sendToQueue(large, LARGE);
          await again.waitForConfirms();
        }
        const message = await again.get(large);
        if (message === false) throw new Error('the message is not there');
        expect(message.content.equals(LARGE)).toBe(true);
        again.ack(message);
        // amqplib's close of a connection overtakes what its channels still have to send
        await again.close();
        await second.close();
        const success = (side: string) => of('event_throughput_total', { side, status: 'success' });
        await until(async () => (await success('consume')) === 1, 'it counts once');
        expect(await success('publish')).toBe(side === 'publish' ? 1 : 0);
        await load.flows();
      };
      const options = { at: network.address, heartbeat: 30 };
      await proveWith(transport, broker, queueOf('half', side, transport.name), trouble, options);
    },
  );
});

/** Puts a large message there, past the sidecar. */
async function store(queue: string): Promise<void> {
  const model = await connectTo(TRANSPORTS[0].url(broker.port), {});
  const channel = await model.createConfirmChannel();
  channel.sendToQueue(queue, LARGE);
  await channel.waitForConfirms();
  await model.close();
}

async function connectTo(url: string, options: object): Promise<ChannelModel> {
  const model = await connect(url, options);
  model.on('error', () => {});
  return model;
}

test('half-open: apps behind a dead link are given up by the broker, and nothing of them is left in the sidecar', async () => {
  const sidecar = await startSidecar({ upstream: `amqp://127.0.0.1:${broker.port}` });
  const network = await networkTo(sidecar.port);
  const url = `amqp://guest:guest@${network.address}?heartbeat=2`;
  await prove({ broker, queue: 'half-open', sidecars: [sidecar], url }, async () => {
    network.cut();
    await until(async () => (await sidecar.metrics()).sum('tracehare_connections') === 0, 'the broker gave them up');
    network.mend();
  });
});
