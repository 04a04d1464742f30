import { connect } from 'amqplib';
import { expect, onTestFinished, test } from 'vitest';
import { createVhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { confirmChannel, consumer, text } from '../behaviour/amqplib.ts';
import { reloaded, startReloadRig } from '../reload/rig.ts';
import { startPartitioned } from './partitioned.ts';

test('partition: dials are refused, what exists is cut, and it ends', async () => {
  const { vhost, sidecar } = await startPartitioned('every: 5s, lasting: 2500ms, existing: cut');
  const attempt = () => connect(vhost.url(sidecar.port)).catch(() => undefined);
  const model = await until(attempt, 'a connection between two partitions');
  const cut = new Promise((resolve) => model.once('close', resolve));
  model.on('error', () => {});
  await cut;
  await until(async () => {
    const opened = await attempt();
    await opened?.close().catch(() => {});
    return opened === undefined;
  }, 'a dial is refused');
  const metrics = await sidecar.metrics();
  expect(metrics.sum('tracehare_upstream_up')).toBe(0);
  expect(metrics.sum('tracehare_faults_injected_total', { type: 'partition' })).toBeGreaterThanOrEqual(2);
  expect(sidecar.log.find(({ msg }) => msg === 'upstream unreachable')).toMatchObject({ reason: 'fault: partition' });
  const again = await until(attempt, 'it is over');
  again.on('error', () => {});
  await again.close().catch(() => {});
  expect(sidecar.log.some(({ msg }) => msg === 'upstream reachable again')).toBe(true);
});

test('partition: what exists is stalled, and goes on behind it', async () => {
  const { vhost, sidecar } = await startPartitioned('every: 4s, lasting: 2s, existing: stall');
  const channel = await until(
    () => confirmChannel(vhost.url(sidecar.port)).catch(() => undefined),
    'a connection between two partitions',
  );
  await channel.assertQueue('q');
  const stalled = async () => (await sidecar.metrics()).sum('tracehare_faults_injected_total', { type: 'partition' });
  const before = await stalled();
  let sent = 0;
  await until(async () => {
    channel.sendToQueue('q', Buffer.from(String(sent++)));
    return (await stalled()) > before;
  }, 'a partition begins');
  await channel.waitForConfirms();
  expect((await channel.checkQueue('q')).messageCount).toBe(sent);
});

test.each(['upstream', 'downstream'])(
  'partition %s only: the other way goes on, and all goes on behind it',
  async (way) => {
    const vhost = await createVhost();
    onTestFinished(() => vhost.remove());
    const config = (rules: string) =>
      `upstream: amqp://127.0.0.1:${vhost.port}\nfaults: { enabled: true }\nrules: [${rules}]\n`;
    const { sidecar, write } = await startReloadRig(config(''));
    const beside = await confirmChannel(vhost.url());
    for (const queue of ['in', 'out']) await beside.assertQueue(queue);
    const out = async () => (await beside.checkQueue('out')).messageCount;
    const channel = await confirmChannel(vhost.url(sidecar.port));
    const { got, first } = await consumer(channel, 'in');
    const fault = `{ type: partition, attributes: { direction: ${way} } }`;
    await reloaded(sidecar, () => write(config(`{ match: { vhost: / }, faults: [${fault}] }`)));
    const injected = async () =>
      (await sidecar.metrics()).sum('tracehare_faults_injected_total', { type: 'partition' });
    await until(async () => (await injected()) === 1, 'it has begun');

    channel.sendToQueue('out', Buffer.from('from the app'));
    beside.sendToQueue('in', Buffer.from('for the app'));
    await beside.waitForConfirms();
    if (way === 'upstream') {
      expect((await first(1)).map((message) => text(message))).toEqual(['for the app']);
      expect(await out()).toBe(0);
    } else {
      await until(async () => (await out()) === 1, 'what the app sends arrives');
      expect(got).toEqual([]);
    }
    // a handshake needs both ways
    await expect(confirmChannel(vhost.url(sidecar.port))).rejects.toThrow();

    await reloaded(sidecar, () => write(config('')));
    await channel.waitForConfirms();
    expect(await out()).toBe(1);
    for (const message of await first(1)) channel.ack(message);
    await until(async () => (await sidecar.metrics()).sum('tracehare_unsettled_deliveries') === 0, 'it is settled');
  },
);
