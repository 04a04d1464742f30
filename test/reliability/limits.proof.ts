import { execFileSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { connect as amqplibConnect } from 'amqplib';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { openDescriptors } from '../../testing/proc.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { cpuCgroup, memoryCgroup } from './cgroup.ts';
import { expectTrue, footprint, startLoad } from './load.ts';
import { startSidecar } from './prove.ts';

let broker: RabbitMQ;
beforeAll(async () => {
  broker = await startRabbitMQ();
});
afterAll(() => broker?.stop());

const MIB = 2 ** 20;

test('in a cgroup of 160 MiB: a consumer that does not read, and a load beside it, cost no more than there is', async () => {
  const cgroup = memoryCgroup(160 * MIB);
  await broker.management.call('PUT', 'queues/%2F/memory', { durable: true });
  await broker.management.call('PUT', 'queues/%2F/unread', { durable: true, arguments: { 'x-queue-mode': 'lazy' } });
  const sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${broker.port}`, within: cgroup.within });
  onTestFinished(async () => {
    await sidecar.kill();
    cgroup.remove();
  });
  const before = footprint(sidecar);
  const url = `amqp://guest:guest@127.0.0.1:${sidecar.port}?heartbeat=5`;
  const load = startLoad(url, 'memory');
  await load.flows();
  const reader = await amqplibConnect(url.replace('heartbeat=5', 'heartbeat=0'));
  const unread = await reader.createChannel();
  await unread.consume('unread', () => {}, { noAck: true });
  (reader.connection as unknown as { stream: Socket }).stream.pause();
  const writer = await amqplibConnect(url);
  const channel = await writer.createConfirmChannel();
  for (let n = 0; n < 300; n++) {
    channel.sendToQueue('unread', Buffer.alloc(MIB));
    if (n % 10 === 9) await channel.waitForConfirms();
  }
  await load.flows(200);
  (reader.connection as unknown as { stream: Socket }).stream.destroy();
  await writer.close();
  await load.end(() => sidecar);
  await expectTrue(sidecar, 'memory', load.known);
  await before.expectBack();
  expect(cgroup.kills()).toBe(0);
});

test('in a cgroup of a twentieth of a processor: slower, but no connection is lost and no figure wrong', async () => {
  const cgroup = cpuCgroup(0.05);
  onTestFinished(() => cgroup.remove());
  await broker.management.call('PUT', 'queues/%2F/throttled', { durable: true });
  const sidecar = await startSidecar({ upstream: `amqp://127.0.0.1:${broker.port}` });
  const before = footprint(sidecar);
  const load = startLoad(`amqp://guest:guest@127.0.0.1:${sidecar.port}?heartbeat=30`, 'throttled');
  await load.flows();
  cgroup.take(sidecar.pid);
  await load.flows(1000);
  await load.end(() => sidecar);
  expect(load.known.broken).toBe(0);
  await expectTrue(sidecar, 'throttled', load.known);
  await before.expectBack();
});

test('descriptors at their limit: who comes then is refused and told so, who is there goes on, and there is room again', async () => {
  await broker.management.call('PUT', 'queues/%2F/descriptors', { durable: true });
  const sidecar = await startSidecar({ upstream: `amqp://127.0.0.1:${broker.port}` });
  const before = footprint(sidecar);
  const load = startLoad(`amqp://guest:guest@127.0.0.1:${sidecar.port}?heartbeat=5`, 'descriptors');
  await load.flows();
  const allow = (count: number) => execFileSync('prlimit', ['--pid', String(sidecar.pid), `--nofile=${count}:4096`]);
  allow(openDescriptors(sidecar.pid) + 5);
  const apps: Socket[] = [];
  await until(async () => {
    const app = connect(sidecar.port, '127.0.0.1').on('error', () => {});
    apps.push(app);
    await new Promise((resolve) => app.once('connect', resolve).once('close', resolve));
    return sidecar.log.some(({ msg }) => msg.startsWith('out of file descriptors'));
  }, 'the log says so');
  await load.flows(200);
  for (const app of apps) app.destroy();
  allow(4096);
  await load.end(() => sidecar);
  await expectTrue(sidecar, 'descriptors', load.known);
  await before.expectBack();
});
