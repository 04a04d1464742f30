import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { describe, expect, inject, test } from 'vitest';
import { openDescriptors } from '../../testing/proc.ts';
import { publish, RawClient, request } from '../../testing/raw-client.ts';
import { bytesFrom, startRecorder } from '../../testing/recorder.ts';
import { until } from '../../testing/wait.ts';
import { AMQP_1_0, PROTOCOL, split } from '../../testing/wire.ts';
import { atEnd } from './closing.ts';
import { connectAndWait, endingOf } from './ending.ts';
import { fakeBroker } from './peers.ts';
import { idle, startRig, stored } from './rig.ts';

/** An app and a broker that do what the test says, connected through a sidecar. */
async function pair(opening: Buffer) {
  const fake = await fakeBroker();
  const { sidecar } = await startRig({ port: fake.port });
  const app = connect({ port: sidecar.port, host: '127.0.0.1', allowHalfOpen: true });
  atEnd(() => app.destroy());
  app.write(opening);
  const broker = await fake.accepted(0);
  await until(() => broker.readableLength === opening.length, 'the opening has come');
  return { app, broker, sidecar };
}

async function allOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

describe.each([
  ['observed', PROTOCOL],
  ['passed unread', AMQP_1_0],
])('a connection that is %s', (_, opening) => {
  const tail = Buffer.alloc(100_000, 't');

  test('an app that has said all still gets all', async () => {
    const { app, broker, sidecar } = await pair(opening);
    app.end();
    expect(await allOf(broker)).toBe(opening.toString('latin1'));
    broker.end(tail);
    expect(await allOf(app)).toBe(tail.toString('latin1'));
    await idle(sidecar);
  });

  test('a broker that has said all still gets all', async () => {
    const { app, broker, sidecar } = await pair(opening);
    broker.end();
    expect(await allOf(app)).toBe('');
    app.end(tail);
    expect(await allOf(broker)).toBe(opening.toString('latin1') + tail.toString('latin1'));
    await idle(sidecar);
  });

  test.each(['app', 'broker'] as const)('a reset by the %s is a reset on the other side', async (side) => {
    const both = await pair(opening);
    const ending = endingOf(side === 'app' ? both.broker : both.app);
    both[side].resetAndDestroy();
    expect(await ending).toEqual({ received: side === 'app' ? opening.length : 0, how: 'ECONNRESET' });
    await idle(both.sidecar);
  });
});

/** The timers of connections whose `end` has this port, as the kernel has them: '02' is that of keepalive. */
function timers(end: 'local' | 'remote', port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const connections = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  return connections
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', remote = '', state]) => {
      return state === '01' && (end === 'local' ? local : remote).endsWith(`:${hex}`);
    })
    .map(([, , , , , timer]) => timer.slice(0, 2));
}

test('whoever is silent for long is asked by the kernel whether it is still there, on both sides', async () => {
  const fake = await fakeBroker();
  const { sidecar } = await startRig({ port: fake.port });
  const app = connect({ port: sidecar.port, host: '127.0.0.1' });
  atEnd(() => app.destroy());
  app.write(PROTOCOL);
  await fake.accepted(0);
  await until(
    () => [...timers('local', sidecar.port), ...timers('remote', fake.port)].join() === '02,02',
    () => `both have that timer; they have ${timers('local', sidecar.port)} and ${timers('remote', fake.port)}`,
  );
});

test('an app that connects, says nothing and leaves sees what it sees of the broker', async () => {
  const { sidecar, vhost } = await startRig();
  const leave = async (port: number) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    socket.end();
    const ending = await endingOf(socket);
    socket.destroy();
    return ending;
  };
  expect(await leave(sidecar.port)).toEqual(await leave(vhost.port));
  await idle(sidecar);
});

const MESSAGES = 300;
const burst = (queue: string): Buffer[] =>
  Array.from({ length: MESSAGES }, (_, i) =>
    publish(1, { exchange: '', key: queue, body: `${i} ${'x'.repeat(1000)}` }),
  );

test.each(['off', 'returns', 'confirms'])(
  '--loss %s: FIN right after 300 publishes: all of them are at the broker before it',
  async (mode) => {
    const recorder = await startRecorder(inject('broker').port);
    atEnd(() => recorder.stop());
    const rig = await startRig({ port: recorder.port, args: ['--loss', mode] });
    for (let round = 0; round < 3; round++) {
      const client = await RawClient.open({ port: rig.sidecar.port, vhost: rig.vhost.name });
      await client.call(request.declare(1, 'burst'), 50, 11);
      client.send(...burst('burst'));
      client.socket.end();
      await until(() => recorder.captures[round].ended && client.ended, 'both have ended');
      client.socket.destroy();
      const { frames, rest } = split(bytesFrom('app', recorder.captures[round]));
      expect(rest).toHaveLength(0);
      expect(frames.filter(([type]) => type === 3)).toHaveLength(MESSAGES);
      const there = (await stored(rig, 'burst')).map((each) => Number(each.split(' ')[0]));
      expect(there).toEqual([...there.keys()]);
      // what the broker drops of it, it drops of a direct connection too, unless somebody waits for it
      if (mode === 'confirms') expect(there).toHaveLength(MESSAGES);
    }
  },
);

test('a reset right after publishes: gone on both sides, and what passed is accounted for', async () => {
  const rig = await startRig();
  const client = await RawClient.open({ port: rig.sidecar.port, vhost: rig.vhost.name });
  await client.call(request.declare(1, 'reset'), 50, 11);
  client.send(...burst('reset'));
  await until(() => client.socket.writableLength === 0, 'the kernel has it');
  client.socket.resetAndDestroy();
  await idle(rig.sidecar);
  const metrics = await rig.sidecar.metrics();
  const ended =
    metrics.sum('event_throughput_total', { side: 'publish' }) +
    metrics.sum('event_unknown_total', { side: 'publish' });
  expect(ended).toBeLessThanOrEqual(MESSAGES);
  expect(ended).toBeGreaterThanOrEqual((await stored(rig, 'reset')).length);
  const connections = (await rig.vhost.management.call('GET', `vhosts/${rig.vhost.name}/connections`)) as unknown[];
  expect(connections.length).toBeLessThanOrEqual(1); // the one that looks
});

test('a broker connection that just ends: the app sees what it sees of a direct one', async () => {
  const seen: string[] = [];
  for (const way of ['direct', 'through'] as const) {
    const recorder = await startRecorder(inject('broker').port);
    const rig = await startRig({ port: recorder.port });
    const port = way === 'direct' ? recorder.port : rig.sidecar.port;
    const client = await RawClient.open({ port, vhost: rig.vhost.name });
    const ending = endingOf(client.socket);
    await recorder.stop();
    seen.push((await ending).how);
    client.socket.destroy();
    await idle(rig.sidecar);
    const metrics = await rig.sidecar.metrics();
    if (way === 'through') {
      expect(metrics.value('tracehare_connections_closed_total', { by: 'network', code: '0' })).toBe(1);
    }
  }
  expect(seen[1]).toBe(seen[0]);
});

test('limits.connections: the one beyond is reset and counted, and there is room again when one leaves', async () => {
  const rig = await startRig({ config: 'limits: { connections: 2 }' });
  const [first] = [await rig.app(), await rig.app()];
  expect(await connectAndWait(rig.sidecar.port)).toEqual({ received: 0, how: 'ECONNRESET' });
  const refused = async () =>
    (await rig.sidecar.metrics()).value('tracehare_connections_refused_total', { reason: 'limit' });
  expect(await refused()).toBe(1);
  await first.close();
  await until(async () => (await rig.sidecar.metrics()).value('tracehare_connections') === 1, 'one has left');
  await (await rig.app()).close();
  expect(await refused()).toBe(1);
});

const endOrData = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    for (const event of ['data', 'close']) socket.once(event, () => resolve());
  });

test('500 connections that come and go in every way leave nothing behind', async () => {
  const { sidecar, vhost } = await startRig();
  const files = (): number => openDescriptors(sidecar.pid);
  await connectAndLeave(0);
  await idle(sidecar);
  const before = files();

  async function connectAndLeave(i: number): Promise<void> {
    if (i % 10 === 0) return (await RawClient.open({ port: sidecar.port, vhost: vhost.name })).close();
    const socket = connect(sidecar.port, '127.0.0.1').on('error', () => {});
    await until(() => !socket.connecting, 'it is there');
    if (i % 3 === 0) socket.write(PROTOCOL);
    else if (i % 4 === 0) socket.write('GET / HTTP/1.1\r\n\r\n');
    if (i % 15 === 0) await endOrData(socket);
    if (i % 2 === 0) socket.end();
    else socket.resetAndDestroy();
    socket.resume();
    await until(() => socket.destroyed, 'it is gone');
  }
  for (let i = 0; i < 500; i += 25) await Promise.all(Array.from({ length: 25 }, (_, k) => connectAndLeave(i + k)));
  await idle(sidecar);
  await until(
    () => files() <= before,
    () => `${files()} open files are ${before} again`,
  );
  expect((await sidecar.metrics()).value('tracehare_channels')).toBe(0);
});
