import { once } from 'node:events';
import { expect, test } from 'vitest';
import { commandPath } from '../../scripts/provision.mjs';
import { run } from '../../testing/processes.ts';
import { consumeAll } from '../../testing/traffic.ts';
import { until } from '../../testing/wait.ts';
import { startRig } from '../process/rig.ts';

test('promtool check metrics has nothing to say of what is scraped, traffic included', async () => {
  const rig = await startRig({ args: ['--loss', 'confirms'] });
  const app = await rig.app();
  const channel = await app.createConfirmChannel();
  await channel.assertQueue('orders');
  for (let i = 0; i < 20; i++) channel.sendToQueue('orders', Buffer.from('x'));
  channel.publish('', 'nowhere', Buffer.from('lost'));
  await channel.waitForConfirms();
  for (const message of await consumeAll(channel, 'orders', 20)) channel.nack(message, false, true);
  const closed = once(app, 'close');
  await app.close();
  await closed;
  await until(async () => (await rig.sidecar.metrics()).sum('event_lost_total') > 0, 'the loss is counted');

  const text = await (await rig.sidecar.admin('/metrics')).text();
  expect(text).toContain('event_requeued_total{');
  const promtool = commandPath('promtool');
  if (promtool === undefined) throw new Error('no promtool found: run `node scripts/provision.mjs`');
  const { code, stdout, stderr } = await run(promtool, ['check', 'metrics'], { input: text });
  expect({ code, said: `${stdout}${stderr}` }).toEqual({ code: 0, said: '' });
});
