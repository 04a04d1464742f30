import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { frozen } from '../../testing/processes.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { until } from '../../testing/wait.ts';
import type { Load } from './load.ts';
import { prove, proveWith, queueOf, startSidecar, TRANSPORTS } from './prove.ts';

let broker: RabbitMQ;
beforeAll(async () => {
  broker = await startRabbitMQ({ tls: true });
});
afterAll(() => broker?.stop());

const alarms = () => broker.ctl('eval', 'rabbit_alarm:get_alarms().');

/** What goes wrong, under load; resolves when it is over. */
const TROUBLES: Record<string, (load: Load) => Promise<unknown>> = {
  async killed() {
    // a queue that was declared a moment ago may be in its memory only, durable or not; messages are confirmed from disk
    await broker.ctl('eval', 'ok = mnesia:sync_log().');
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
  'frozen, for less than heartbeats notice': () => frozen(broker.pid(), () => sleep(2000)),
  async 'frozen, until its apps give it up'({ known }) {
    const { broken } = known;
    await frozen(broker.pid(), () => until(() => known.broken > broken, 'an app has given it up'));
  },
};

describe.each(TRANSPORTS)('a broker, behind $name, that is', (transport) => {
  test.each(Object.entries(TROUBLES))('%s', (name, trouble) =>
    proveWith(transport, broker, queueOf(name, transport.name), trouble),
  );
});

test('a broker that is killed behind two sidecars in a row', async () => {
  const last = await startSidecar({ upstream: `amqp://127.0.0.1:${broker.port}` });
  const first = await startSidecar({ upstream: `amqp://127.0.0.1:${last.port}` });
  const url = `amqp://guest:guest@127.0.0.1:${first.port}?heartbeat=5`;
  await prove({ broker, queue: 'two-in-row', sidecars: [first, last], url }, TROUBLES.killed);
});
