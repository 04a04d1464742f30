import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, inject, test } from 'vitest';
import { freePorts } from '../../testing/ports.ts';
import { type Recorder, startRecorder } from '../../testing/recorder.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { PROTOCOL } from '../../testing/wire.ts';
import { atEnd } from './closing.ts';
import { connectAndWait, endingOf } from './ending.ts';
import { blackHole, fakeBroker } from './peers.ts';
import { startRig } from './rig.ts';

const told = ({ log }: Tracehare, what = 'upstream'): string[] =>
  log.filter(({ msg }) => msg.startsWith(what)).map(({ msg, upstream }) => `${msg}: ${upstream}`);

async function up(sidecar: Tracehare): Promise<Record<string, number>> {
  const metrics = await sidecar.metrics();
  return Object.fromEntries(
    metrics.matching('tracehare_upstream_up').map(({ labels, value }) => [labels.upstream, value]),
  );
}

test('a broker that is not there: the app is reset, the sidecar lives and says so once', async () => {
  const [port] = await freePorts(1);
  const { sidecar } = await startRig({ port });
  for (let i = 0; i < 3; i++) expect(await connectAndWait(sidecar.port)).toEqual({ received: 0, how: 'ECONNRESET' });
  await until(
    async () =>
      (await sidecar.metrics()).value('tracehare_connections_refused_total', { reason: 'upstream_unreachable' }) === 3,
    'all three are counted',
  );
  const name = `127.0.0.1:${port}`;
  expect(await up(sidecar)).toEqual({ [name]: 0 });
  expect((await sidecar.metrics()).value('tracehare_connections')).toBe(0);
  await until(() => told(sidecar).length > 0, 'it is logged');
  expect(sidecar.log.find(({ msg }) => msg === 'upstream unreachable')?.reason).toContain('ECONNREFUSED');
  expect((await sidecar.admin('/readyz')).status).toBe(200);
  const asked = await sidecar.admin('/readyz?upstream=1');
  expect({ status: asked.status, text: await asked.text() }).toEqual({
    status: 503,
    text: expect.stringContaining('ECONNREFUSED'),
  });

  const recorder = await startRecorder(inject('broker').port, port);
  atEnd(() => recorder.stop());
  const socket = connect(sidecar.port, '127.0.0.1');
  socket.write(PROTOCOL);
  await once(socket, 'data');
  socket.destroy();
  await until(() => told(sidecar).length > 1, 'that it is back is logged');
  expect(told(sidecar)).toEqual([`upstream unreachable: ${name}`, `upstream reachable again: ${name}`]);
  expect(await up(sidecar)).toEqual({ [name]: 1 });
  expect((await sidecar.admin('/readyz?upstream=1')).status).toBe(200);
});

test('of several upstreams the first that answers is used, and kept until it fails', async () => {
  const [first, second] = await freePorts(2);
  const names = [first, second].map((port) => `127.0.0.1:${port}`);
  const b = await startRecorder(inject('broker').port, second);
  const { sidecar, app } = await startRig({ upstream: names.map((name) => `amqp://${name}`).join(',') });
  const use = async (): Promise<void> => {
    const model = await app();
    const channel = await model.createChannel();
    await channel.assertQueue('', { exclusive: true });
    await model.close();
  };
  await use();
  const used = ({ captures }: Recorder): number => captures.filter(({ chunks }) => chunks.length > 0).length;
  expect(used(b)).toBe(1);
  expect(await up(sidecar)).toEqual({ [names[0]]: 0, [names[1]]: 1 });
  expect((await sidecar.admin('/readyz?upstream=1')).status).toBe(200);

  const a = await startRecorder(inject('broker').port, first);
  atEnd(() => a.stop());
  await use();
  expect([used(a), used(b)]).toEqual([0, 2]);

  await b.stop();
  await use();
  await use();
  expect(used(a)).toBe(2);
  expect(await up(sidecar)).toEqual({ [names[0]]: 1, [names[1]]: 0 });
  const lines = [
    `upstream unreachable: ${names[0]}`,
    `upstream unreachable: ${names[1]}`,
    `upstream reachable again: ${names[0]}`,
  ];
  await until(() => told(sidecar).length === lines.length, 'all is logged');
  expect(told(sidecar)).toEqual(lines);
  expect((await sidecar.metrics()).sum('tracehare_connections_refused_total')).toBe(0);
});

test('an upstream that does not even answer a SYN is given up after connectTimeout', async () => {
  const hole = await blackHole();
  const filling = Array.from({ length: 8 }, () => connect(hole, '127.0.0.1').on('error', () => {}));
  atEnd(() => {
    for (const each of filling) each.destroy();
  });
  await until(() => filling.some(({ connecting }) => !connecting), 'its backlog takes some');
  const { sidecar, app } = await startRig({
    config: `upstream: { urls: ['amqp://127.0.0.1:${hole}', 'amqp://127.0.0.1:${inject('broker').port}'], connectTimeout: 300ms }`,
  });
  const model = await app();
  await model.close();
  await until(() => told(sidecar).length > 0, 'it is logged');
  expect(sidecar.log.find(({ msg }) => msg === 'upstream unreachable')).toMatchObject({
    upstream: `127.0.0.1:${hole}`,
    reason: 'no answer within 300 ms',
  });
});

test('an upstream that accepts but never answers TLS is given up after connectTimeout, and nothing is left of it', async () => {
  const broker = await fakeBroker();
  const { sidecar } = await startRig({
    config: `upstream: { urls: ['amqps://127.0.0.1:${broker.port}'], connectTimeout: 300ms }`,
  });
  expect(await connectAndWait(sidecar.port)).toEqual({ received: 0, how: 'ECONNRESET' });
  await until(() => told(sidecar).length > 0, 'it is logged');
  expect(sidecar.log.find(({ msg }) => msg === 'upstream unreachable')?.reason).toBe('no answer within 300 ms');
  const [socket] = broker.sockets;
  socket.resume();
  await until(() => socket.readableEnded || socket.destroyed, 'the attempt has been ended');
});

test('what an app says while the upstream is dialled is not lost', async () => {
  const [dead] = await freePorts(1);
  const broker = await fakeBroker();
  const { sidecar } = await startRig({ upstream: `amqp://127.0.0.1:${dead},amqp://127.0.0.1:${broker.port}` });
  const socket = connect(sidecar.port, '127.0.0.1');
  socket.write(PROTOCOL);
  socket.end();
  const atBroker = await broker.accepted(0);
  const [bytes] = await once(atBroker, 'data');
  expect(bytes).toEqual(PROTOCOL);
  if (!atBroker.readableEnded) await once(atBroker, 'end');
  atBroker.end();
  expect(await endingOf(socket)).toEqual({ received: 0, how: 'FIN' });
});

test('an app that waits for an upstream at the end of a drain is reset', async () => {
  const broker = await fakeBroker();
  const { sidecar } = await startRig({
    config: `upstream: { urls: ['amqps://127.0.0.1:${broker.port}'], connectTimeout: 10m }`,
    args: ['--drain-timeout', '0s'],
  });
  const ending = connectAndWait(sidecar.port);
  await broker.accepted(0);
  sidecar.signal('SIGTERM');
  expect(await ending).toEqual({ received: 0, how: 'ECONNRESET' });
  expect(await sidecar.ended()).toBe(0);
});
