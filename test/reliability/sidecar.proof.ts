import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type SignalReceiver, startSignalReceiver } from '../../testing/otlp-signals.ts';
import { freePort } from '../../testing/ports.ts';
import { frozen } from '../../testing/processes.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import type { TracehareOptions } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { amqplibWith } from '../soak/clients.ts';
import { expectFigures, expectTrue, type Figures, footprint, startLoad } from './load.ts';
import { proveWith, queueOf, startSidecar, TRANSPORTS, type Transport } from './prove.ts';

let broker: RabbitMQ;
beforeAll(async () => {
  broker = await startRabbitMQ({ tls: true });
});
afterAll(() => broker?.stop());

/** Sidecars one after the other at one address, each ended by a signal under load, and apps that come back. */
async function endedAgainAndAgain(transport: Transport, signal: 'SIGTERM' | 'SIGKILL', options: TracehareOptions) {
  const queue = queueOf(signal, transport.name);
  await broker.management.call('PUT', `queues/%2F/${queue}`, { durable: true });
  const port = await freePort();
  const upstream = `localhost:${transport.brokerPort(broker)}`;
  const launch = () => startSidecar({ listen: `127.0.0.1:${port}`, ...transport.sidecar(broker, upstream, options) });
  let sidecar = await launch();
  const client = amqplibWith(transport.options(broker));
  const load = startLoad(transport.url(port), queue, client);
  for (let times = 1; times <= 3; times++) {
    await load.flows();
    sidecar.signal(signal);
    expect(await sidecar.ended()).toBe(signal === 'SIGTERM' ? 0 : 'SIGKILL');
    sidecar = await launch();
    await load.flows();
  }
  await load.end(() => sidecar);
  expect(load.known.missing).toBe(0);
  await until(
    async () => ((await broker.management.call('GET', 'connections')) as unknown[]).length === 0,
    'the broker has no connection left',
  );
  return { sidecar, queue, known: load.known, url: transport.url(port), client };
}

describe.each(TRANSPORTS)('a sidecar, with $name, that is', (transport) => {
  test('ended by SIGTERM under load: what was confirmed arrives by the next, and what all have told adds up', async () => {
    const receiver = await startSignalReceiver();
    onTestFinished(() => receiver.close());
    const { sidecar, queue, known } = await endedAgainAndAgain(transport, 'SIGTERM', {
      args: ['--drain-timeout', '1s'],
      env: {
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${receiver.url}/v1/metrics`,
        OTEL_METRIC_EXPORT_INTERVAL: '1000',
      },
    });
    expect(await sidecar.stop()).toBe(0);
    expectFigures(lastTold(receiver), queue, known);
  });

  test('ended by SIGKILL under load: what was confirmed arrives by the next, which counts and keeps no more than its own', async () => {
    const { sidecar, queue, url, client } = await endedAgainAndAgain(transport, 'SIGKILL', {});
    const before = footprint(sidecar);
    const own = `${queue}-afterwards`;
    await broker.management.call('PUT', `queues/%2F/${own}`, { durable: true });
    const load = startLoad(url, own, client);
    await load.flows(200);
    await load.end(() => sidecar);
    await expectTrue(sidecar, own, load.known);
    await before.expectBack();
  });

  test.each([
    ['frozen for less than heartbeats notice', false],
    ['frozen until its apps give it up', true],
  ])('%s', (name, isLong) =>
    proveWith(transport, broker, queueOf(name, transport.name), async ({ known }, sidecar) => {
      const { broken } = known;
      await frozen(sidecar.pid, () =>
        isLong ? until(() => known.broken > broken, 'an app has given it up') : sleep(2000),
      );
    }),
  );
});

/** The sum of what each process told last. */
function lastTold({ metrics, resources }: SignalReceiver): Figures {
  const last = new Map(metrics.map((points, index) => [resources[index]['service.instance.id'], points]));
  return (name, labels) => {
    const isOtlp = name.startsWith('messaging');
    const as = (text: string) => (isOtlp ? text.replace(/_total$/, '').replaceAll('_', '.') : text);
    return [...last.values()]
      .flat()
      .filter((point) => point.name === as(name))
      .filter(({ attributes }) => Object.entries(labels).every(([key, value]) => attributes[as(key)] === value))
      .reduce((sum, { value = 0 }) => sum + value, 0);
  };
}
