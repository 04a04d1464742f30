import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ChannelModel, ConsumeMessage } from 'amqplib';
import { connect } from 'amqplib';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { atEnd } from '../process/closing.ts';
import type { Rig } from '../process/rig.ts';
import { startPluginRig } from './rig.ts';

const example = fileURLToPath(new URL('../../examples/plugin/', import.meta.url));

const QUEUE = 'orders';
const BIG = 2000;
/** bytes of the bodies that each connection publishes; 2000 is not larger than 2000 */
const SIZES = [0, 1, BIG - 1, BIG, BIG + 1, 5000, 140_000];
const LOST = 3;

/** Publishes the same messages every time, and some that no queue takes. */
async function publish(app: ChannelModel): Promise<void> {
  const channel = await app.createConfirmChannel();
  for (const size of SIZES) channel.sendToQueue(QUEUE, Buffer.alloc(size, 'x'), { headers: { size } });
  for (let i = 0; i < LOST; i++) channel.publish('', 'nowhere', Buffer.from('lost'), { mandatory: true });
  await channel.waitForConfirms();
}

/** Connections until each of the two traffic threads has had one. */
async function onBothThreads({ sidecar }: Rig, vhost: Vhost): Promise<ChannelModel[]> {
  const apps: ChannelModel[] = [];
  const threads = new Set<number>();
  while (threads.size < 2) {
    expect(apps.length).toBeLessThan(100);
    const app = await connect(vhost.url(sidecar.port));
    atEnd(() => app.close().catch(() => {}));
    apps.push(app);
    const connected = () => sidecar.log.filter(({ msg }) => msg === 'connected');
    const before = apps.length - 1;
    const line = await until(() => connected()[before], 'the connection is logged');
    threads.add(Number(line.connection) % 2);
  }
  return apps;
}

async function received(past: ChannelModel, count: number): Promise<ConsumeMessage[]> {
  const got: ConsumeMessage[] = [];
  const channel = await past.createChannel();
  await channel.consume(QUEUE, (message) => message && got.push(message), { noAck: true });
  await until(
    () => got.length >= count,
    () => `${count} messages come; ${got.length} did`,
  );
  return got;
}

test('the example plugin on two traffic threads: its headers and counts equal the truth', async () => {
  const own = await createVhost();
  atEnd(() => own.remove());
  const config = parse(readFileSync(`${example}tracehare.yaml`, 'utf8'));
  const [plugin] = config.plugins;
  plugin.module = `${example}tenant.ts`;
  plugin.options = { bigBytes: BIG, tenants: { [own.name]: 'acme' } };
  const rig = await startPluginRig({
    'tracehare.yaml': stringify({ ...config, workers: 2, log: { level: 'debug' } }),
  });

  const setup = await (await rig.aside()).createChannel();
  await setup.assertQueue(QUEUE);
  const past = await connect(own.url());
  atEnd(() => past.close().catch(() => {}));
  await (await past.createChannel()).assertQueue(QUEUE);

  const apps = await onBothThreads(rig, own);
  for (const app of apps) await publish(app);
  await publish(await rig.app());

  const messages = await received(past, apps.length * SIZES.length);
  expect(messages.map(({ properties: { headers } }) => headers?.['x-tenant'])).toEqual(messages.map(() => 'acme'));
  expect(messages.map(({ content }) => content.length)).toEqual(
    messages.map(({ properties: { headers } }) => headers?.size),
  );
  const others = await received(await rig.aside(), SIZES.length);
  for (const { properties } of others) expect(properties.headers).not.toHaveProperty('x-tenant');

  const publishers = apps.length + 1;
  const count = async (counter: string) =>
    (await rig.sidecar.metrics()).value('tracehare_plugin_count_total', { plugin: 'tenant', counter });
  expect(await count('big_messages')).toBe(publishers * SIZES.filter((size) => size > BIG).length);
  await until(async () => (await count('failed_publishes')) === publishers * LOST, 'all lost publishes are counted');
  const metrics = await rig.sidecar.metrics();
  for (const hook of ['onPublish', 'onEvent'])
    expect(metrics.value('tracehare_plugin_errors_total', { plugin: 'tenant', hook })).toBe(0);
});
