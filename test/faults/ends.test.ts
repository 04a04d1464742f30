import { expect, onTestFinished, test } from 'vitest';
import { publish, RawClient, request } from '../../testing/raw-client.ts';
import { until } from '../../testing/wait.ts';
import { confirmChannel } from '../behaviour/amqplib.ts';
import { rulesOf, type Site, startSite } from './site.ts';

async function site(faults: Record<string, string>): Promise<Site> {
  const started = await startSite(Object.keys(faults), rulesOf(faults));
  onTestFinished(() => started.stop());
  return started;
}

test('a fault ends by itself: log, gauge and page say so, messages pass again and hidden confirms come', async () => {
  const { sidecar, url, stored } = await site({
    dropped: '{ type: drop, for: 4s }',
    hidden: '{ type: hide_confirms, for: 4s }',
  });
  const said = (msg: string) => sidecar.log.filter((line) => line.msg === msg).map(({ type }) => type);
  expect(said('fault in force')).toEqual(['drop', 'hide_confirms']);
  const channel = await confirmChannel(url);
  channel.sendToQueue('hidden', Buffer.from('x'));
  await channel.waitForConfirms();
  await until(() => said('fault ended').length === 2, 'both have ended');
  // the traffic thread keeps its own time
  await until(async () => {
    channel.sendToQueue('dropped', Buffer.from('x'));
    await channel.waitForConfirms().catch(() => {});
    return (await stored('dropped')).length === 1;
  }, 'messages pass again');
  const metrics = await sidecar.metrics();
  expect(metrics.matching('tracehare_faults_active').map(({ labels, value }) => [labels.type, value])).toEqual([
    ['drop', 0],
    ['hide_confirms', 0],
  ]);
  expect(((await (await sidecar.admin('/api/state')).json()) as { faults: object[] }).faults).toEqual([]);
});

test('in force: gauge, page and counter', async () => {
  const { sidecar, url } = await site({ dropped: '{ type: drop, for: 10m }' });
  const channel = await confirmChannel(url);
  for (let n = 0; n < 7; n++) channel.sendToQueue('dropped', Buffer.from('x'));
  const metrics = await until(async () => {
    const now = await sidecar.metrics();
    return now.sum('tracehare_faults_injected_total', { type: 'drop' }) === 7 && now;
  }, 'all seven were struck');
  expect(metrics.sum('tracehare_faults_active', { type: 'drop' })).toBe(1);
  const { faults } = (await (await sidecar.admin('/api/state')).json()) as { faults: object[] };
  expect(faults).toEqual([
    {
      type: 'drop',
      match: '{"routingKey":"dropped","side":"publish"}',
      toxicity: 1,
      secondsLeft: expect.any(Number),
    },
  ]);
});

test('without faults.enabled nothing happens, and one warning tells', async () => {
  const rules = rulesOf({ dropped: '{ type: drop }' }).replace('enabled: true', 'enabled: false');
  const { sidecar, url, stored, stop } = await startSite(['dropped'], rules);
  onTestFinished(stop);
  const channel = await confirmChannel(url);
  channel.sendToQueue('dropped', Buffer.from('x'));
  await channel.waitForConfirms();
  expect(await stored('dropped')).toEqual(['x']);
  expect(sidecar.log.filter(({ msg }) => msg.includes('faults.enabled'))).toHaveLength(1);
});

test('drop in a transaction: lost when it is committed, never sent when it is rolled back', async () => {
  const { sidecar, vhost, stored, outcomes } = await site({ tx: '{ type: drop }' });
  const client = await RawClient.open({ port: sidecar.port, vhost: vhost.name });
  await client.call(request.txSelect(1), 90, 11);
  client.send(publish(1, { exchange: '', key: 'tx', body: 'committed' }));
  await client.call(request.txCommit(1), 90, 21);
  client.send(publish(1, { exchange: '', key: 'tx', body: 'rolled back' }));
  await client.call(request.txRollback(1), 90, 31);
  await client.close();
  expect(await stored('tx')).toEqual([]);
  expect(await outcomes('tx', 1)).toEqual({ success: 0, fault: 1, unknown: 0 });
});

test('a nack never comes ahead of confirm.select-ok', async () => {
  const { sidecar, vhost } = await site({ dropped: '{ type: drop }' });
  const client = await RawClient.open({ port: sidecar.port, vhost: vhost.name });
  client.send(request.confirmSelect(1), publish(1, { exchange: '', key: 'dropped', body: 'x' }));
  await client.take(85, 11);
  const nack = await client.take(60, 120);
  expect(nack.readBigUInt64BE(11)).toBe(1n);
  await client.close();
});
