import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { startBroker } from '../../src/demo/broker/broker.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';

/** How a client reaches the broker. All ways have to show it the same. */
export interface Way {
  name: string;
  /** flags of the sidecar in between; undefined: none is */
  flags?: string[];
  /** to the broker of `tracehare demo`, which claims to be like RabbitMQ */
  demo?: true;
}

const through = (mode: string): Way => ({ name: `through tracehare, --loss ${mode}`, flags: ['--loss', mode] });
const WAYS: Way[] = [{ name: 'direct' }, through('off'), through('returns'), through('confirms')];
const DEMO_BROKER: Way = { name: "the demo's broker", demo: true };

/** What a behaviour needs; complete once its tests run. */
export interface Broker {
  /** what the broker says it is */
  product: string;
  /** a vhost of its own, entered as guest */
  url: string;
  host: '127.0.0.1';
  port: number;
  vhost: Vhost;
  /** with `ownBroker` only: nobody else uses it */
  own: RabbitMQ;
  /**
   * The headers as the producer wrote them: without those that a sidecar adds, which are asserted
   * to be there, and asserted not to be there when nothing is in between. No headers count as none.
   */
  asSent(headers: object | null | undefined): Record<string, unknown>;
}

/** Registers tests of what only RabbitMQ has: the demo's broker does not claim it. */
export type OnRabbitMQ = (register: () => void) => void;

/**
 * Runs the same behaviours direct, through Tracehare in every loss mode, and against the demo's broker. The
 * expectations are literal, so the ways agree with each other because they agree with them. A way counts as passed
 * only if the sidecar has ended well too.
 */
export function bothWays(
  behaviours: (broker: Broker, onRabbitMQ: OnRabbitMQ) => void,
  { ownBroker = false } = {},
): void {
  const ways = ownBroker ? WAYS : [...WAYS, DEMO_BROKER];
  describe.each(ways)('$name', ({ flags, demo }) => {
    const broker = { host: '127.0.0.1', product: demo ? 'Tracehare demo broker' : 'RabbitMQ' } as Broker;
    let sidecar: Tracehare | undefined;

    beforeAll(async () => {
      if (demo) return useDemoBroker(broker);
      if (ownBroker) broker.own = await startRabbitMQ();
      const vhost = await createVhost(
        broker.own && { port: broker.own.port, managementPort: broker.own.management.port },
      );
      sidecar = flags && (await startTracehare({ upstream: `amqp://127.0.0.1:${vhost.port}`, args: flags }));
      broker.vhost = vhost;
      broker.port = sidecar?.port ?? vhost.port;
      broker.url = vhost.url(broker.port);
      broker.asSent = sidecar ? withoutAddedHeaders : withNoAddedHeaders;
    });

    afterAll(async () => {
      await broker.vhost?.remove();
      const exit = await sidecar?.stop();
      await broker.own?.stop();
      if (sidecar === undefined) return;
      expect(exit).toBe(0);
      expect(sidecar.log.filter((line) => (line.level ?? 0) >= 50)).toEqual([]);
    });

    behaviours(broker, (register) => {
      if (!demo) register();
    });
  });
}

async function useDemoBroker(broker: Broker): Promise<void> {
  const vhost = `test-${randomBytes(6).toString('hex')}`;
  const { port, stop } = await startBroker({ vhosts: [vhost] });
  broker.url = `amqp://guest:guest@127.0.0.1:${port}/${vhost}`;
  broker.port = port;
  broker.vhost = { name: vhost, remove: stop } as Vhost;
  broker.asSent = withNoAddedHeaders;
}

function withoutAddedHeaders(headers: object | null | undefined): Record<string, unknown> {
  const { traceparent, 'x-tracehare-sent': sent, ...rest } = { ...headers } as Record<string, unknown>;
  expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
  // microseconds since the epoch; clients that know of 64 bits give a bigint
  expect(Number(sent)).toBeGreaterThan(1.7e15);
  return rest;
}

function withNoAddedHeaders(headers: object | null | undefined): Record<string, unknown> {
  expect(headers ?? {}).not.toHaveProperty('traceparent');
  expect(headers ?? {}).not.toHaveProperty('x-tracehare-sent');
  return { ...headers };
}
