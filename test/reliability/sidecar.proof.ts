import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../testing/ports.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { startLoad } from './load.ts';

let broker: RabbitMQ;
beforeAll(async () => {
  broker = await startRabbitMQ();
});
afterAll(() => broker?.stop());

test.each([
  ['SIGTERM', ['--drain-timeout', '1s'], 0],
  ['SIGKILL', [], 'SIGKILL'],
] as const)(
  '%s under load: what was confirmed arrives by the next sidecar, and the broker keeps nothing of the last',
  async (name, args, code) => {
    const queue = name.toLowerCase();
    await broker.management.call('PUT', `queues/%2F/${queue}`, { durable: true });
    const listen = `127.0.0.1:${await freePort()}`;
    const launch = () => startTracehare({ listen, upstream: `amqp://127.0.0.1:${broker.port}`, args: [...args] });
    let sidecar = await launch();
    onTestFinished(async () => void (await sidecar.kill()));
    const load = startLoad(`amqp://guest:guest@${listen}?heartbeat=5`, queue);
    for (let times = 1; times <= 3; times++) {
      await load.flows();
      sidecar.signal(name);
      expect(await sidecar.ended()).toBe(code);
      sidecar = await launch();
      await load.flows();
    }
    await load.end(() => sidecar);
    expect(load.known.missing).toBe(0);
    await until(
      async () => ((await broker.management.call('GET', 'connections')) as unknown[]).length === 0,
      'the broker has no connection left',
    );
  },
);
