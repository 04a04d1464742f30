import { expect, onTestFinished, test } from 'vitest';
import { createVhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { confirmChannel } from '../behaviour/amqplib.ts';
import { reloaded, startReloadRig } from '../reload/rig.ts';

test('a reload ends a fault: what it held goes; faults that stay keep their time', async () => {
  const vhost = await createVhost();
  onTestFinished(() => vhost.remove());
  const config = (stalled: string) => `upstream: amqp://127.0.0.1:${vhost.port}
faults: { enabled: true }
rules:
  - match: { routingKey: stalled, side: publish }
    ${stalled}
  - match: { routingKey: other }
    faults: [{ type: drop, for: 10m }]
`;
  const { sidecar, write } = await startReloadRig(config('faults: [{ type: stall }]'));
  const channel = await confirmChannel(vhost.url(sidecar.port));
  await channel.assertQueue('stalled');
  const beside = await confirmChannel(vhost.url());
  const count = async () => (await beside.checkQueue('stalled')).messageCount;
  let confirmed = false;
  channel.sendToQueue('stalled', Buffer.from('x'), {}, () => {
    confirmed = true;
  });
  const left = async () => {
    const { faults } = (await (await sidecar.admin('/api/state')).json()) as {
      faults: { type: string; secondsLeft: number }[];
    };
    return faults.find(({ type }) => type === 'drop')?.secondsLeft as number;
  };
  await until(
    async () => (await sidecar.metrics()).sum('tracehare_faults_injected_total', { type: 'stall' }) === 1,
    'it is struck',
  );
  expect(await count()).toBe(0);
  const before = await left();
  await reloaded(sidecar, () => write(config('topic: stalled')));
  await until(() => confirmed, 'it is confirmed');
  expect(await count()).toBe(1);
  expect(await left()).toBeLessThan(before);
  expect(sidecar.log.filter(({ msg }) => msg === 'fault ended').map(({ type }) => type)).toEqual(['stall']);
  expect(sidecar.log.filter(({ msg, type }) => msg === 'fault in force' && type === 'drop')).toHaveLength(1);
});
