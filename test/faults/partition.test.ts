import { connect } from 'amqplib';
import { expect, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { confirmChannel } from '../behaviour/amqplib.ts';
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
