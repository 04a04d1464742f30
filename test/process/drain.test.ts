import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { nameOf, publish, RawClient, request } from '../../testing/raw-client.ts';
import { bytesFrom, startRecorder } from '../../testing/recorder.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { isMethod, METHOD, method, PROTOCOL, short, split, string } from '../../testing/wire.ts';
import { atEnd } from './closing.ts';
import { endingOf } from './ending.ts';
import { type Rig, startRig, stored } from './rig.ts';

const closeOk = (): Buffer => method(0, 10, 51);

/** Code and text of the connection.close that comes next; what comes before it is skipped. */
async function closeOf(client: RawClient): Promise<{ code: number; text: string }> {
  const close = await until(() => client.frames.find((each) => isMethod(each, 10, 50)), 'connection.close comes');
  return { code: close.readUInt16BE(11), text: close.subarray(14, 14 + close[13]).toString() };
}

const raw = ({ sidecar, vhost }: Rig): Promise<RawClient> => RawClient.open({ port: sidecar.port, vhost: vhost.name });

test('without connections SIGTERM ends it at once', async () => {
  const { sidecar } = await startRig({ args: ['--drain-timeout', '1h'] });
  expect(await sidecar.stop()).toBe(0);
});

test('the last connection that leaves ends the drain', async () => {
  const rig = await startRig({ args: ['--drain-timeout', '1h'] });
  const app = await rig.app();
  rig.sidecar.signal('SIGTERM');
  await draining(rig.sidecar);
  await app.close();
  expect(await rig.sidecar.ended()).toBe(0);
});

test('connections are served on until the time is up, new ones too; then they are closed with 320', async () => {
  const rig = await startRig({ args: ['--drain-timeout', '2s'] });
  const { sidecar } = rig;
  const before = await rig.app();
  const beforeEnded = once(before, 'close');
  sidecar.signal('SIGTERM');
  expect(await draining(sidecar)).toContain('draining');
  const after = await rig.app();
  const afterEnded = once(after, 'close');
  for (const model of [before, after]) {
    const channel = await model.createConfirmChannel();
    const { queue } = await channel.assertQueue('');
    channel.sendToQueue(queue, Buffer.from('during the drain'));
    await channel.waitForConfirms();
    expect(await channel.get(queue, { noAck: true })).toMatchObject({ content: Buffer.from('during the drain') });
  }
  for (const [error] of [await beforeEnded, await afterEnded]) expect(error).toMatchObject({ code: 320 });
  expect(await sidecar.ended()).toBe(0);
});

/** Waits for /readyz to say no, and returns what it says. */
async function draining(sidecar: Tracehare): Promise<string> {
  const answer = await until(async () => {
    const ready = await sidecar.admin('/readyz');
    return ready.status === 503 && ready;
  }, 'readyz is 503');
  return answer.text();
}

test('what an app sends before its close-ok still arrives', async () => {
  const rig = await startRig({ args: ['--drain-timeout', '0s'] });
  const client = await raw(rig);
  await client.call(request.declare(1, 'late'), 50, 11);
  rig.sidecar.signal('SIGTERM');
  expect(await closeOf(client)).toEqual({ code: 320, text: 'CONNECTION_FORCED - tracehare is draining' });
  const ending = endingOf(client.socket);
  client.send(publish(1, { exchange: '', key: 'late', body: 'after the close' }), closeOk());
  expect(await ending).toMatchObject({ how: 'FIN' });
  client.socket.end();
  expect(await rig.sidecar.ended()).toBe(0);
  expect(await stored(rig, 'late')).toEqual(['after the close']);
});

describe('the broker sees', () => {
  let broker: RabbitMQ;
  beforeAll(async () => {
    broker = await startRabbitMQ();
  });
  afterAll(() => broker?.stop());

  const complaints = (): number => broker.warnings().split('client unexpectedly closed TCP connection').length - 1;

  test('an orderly close, from apps that answer ours and from those that never do', async () => {
    const clumsy = await RawClient.open({ port: broker.port, vhost: '/' });
    clumsy.socket.destroy();
    await until(() => complaints() === 1, 'a connection that just ends is complained about');

    const rig = await startRig({ args: ['--drain-timeout', '0s'], port: broker.port });
    const open = () => RawClient.open({ port: rig.sidecar.port, vhost: '/' });
    const [polite, deaf] = [await open(), await open()];
    rig.sidecar.signal('SIGTERM');
    await closeOf(polite);
    polite.send(closeOk());
    expect(await rig.sidecar.ended()).toBe(0);
    deaf.socket.destroy();
    await broker.ctl('close_all_connections', 'a barrier: log lines before it are written');
    expect(complaints()).toBe(1);
  });
});

test('an app that never answers: told, waited for, then its broker connection is closed all the same', async () => {
  const rig = await startRig({ args: ['--drain-timeout', '0s'] });
  const client = await raw(rig);
  rig.sidecar.signal('SIGTERM');
  expect((await closeOf(client)).code).toBe(320);
  expect(await rig.sidecar.ended()).toBe(0);
  await until(() => client.ended, 'the app is hung up on');
});

test('a body half way through when the close comes may be finished; left unfinished it is dropped', async () => {
  const rig = await startRig({ args: ['--drain-timeout', '0s'] });
  const [finishing, leaving, cut] = [await raw(rig), await raw(rig), await raw(rig)];
  await finishing.call(request.declare(1, 'bodies'), 50, 11);
  const message = publish(1, { exchange: '', key: 'bodies', body: Buffer.alloc(300_000, 'b') });
  const { frames } = split(message);
  // method, header and the first of three body frames; and with half of the second
  const boundary = frames.slice(0, 3).reduce((sum, each) => sum + each.length, 0);
  finishing.send(message.subarray(0, boundary + 1000));
  leaving.send(message.subarray(0, boundary));
  cut.send(message.subarray(0, boundary + 1000));
  const passed = 3 * boundary;
  await until(
    async () => (await rig.sidecar.metrics()).sum('tracehare_relay_bytes_total', { direction: 'upstream' }) > passed,
    'all three are on their way',
  );
  rig.sidecar.signal('SIGTERM');
  for (const client of [finishing, leaving, cut]) expect((await closeOf(client)).code).toBe(320);
  finishing.send(message.subarray(boundary + 1000), closeOk());
  leaving.send(closeOk());
  expect(await rig.sidecar.ended()).toBe(0);
  expect((await stored(rig, 'bodies')).map((each) => each.length)).toEqual([300_000]);
});

test.each(['off', 'returns', 'confirms'])('--loss %s: what was confirmed during a drain is stored', async (mode) => {
  const rig = await startRig({ args: ['--drain-timeout', '300ms', '--loss', mode] });
  const app = await rig.app();
  const channel = await app.createConfirmChannel();
  channel.on('error', () => {});
  await channel.assertQueue('confirmed');
  const acked: string[] = [];
  let closed = false;
  app.once('close', () => {
    closed = true;
  });
  rig.sidecar.signal('SIGTERM');
  for (let i = 0; !closed; i++) {
    const text = String(i);
    try {
      channel.sendToQueue('confirmed', Buffer.from(text), {}, (error) => {
        if (error === null) acked.push(text);
      });
    } catch {
      break; // amqplib: channel closed
    }
    if (i % 20 === 0) await new Promise(setImmediate);
  }
  expect(await rig.sidecar.ended()).toBe(0);
  expect(acked.length).toBeGreaterThan(100);
  const there = new Set(await stored(rig, 'confirmed'));
  expect(acked.filter((each) => !there.has(each))).toEqual([]);
});

test('a consumer in a flood of deliveries gets whole frames, then the close, then nothing', async () => {
  const rig = await startRig({ args: ['--drain-timeout', '0s'] });
  const channel = await (await rig.aside()).createConfirmChannel();
  await channel.assertQueue('flood');
  for (let i = 0; i < 300; i++) channel.sendToQueue('flood', Buffer.alloc(200_000, 'f'));
  await channel.waitForConfirms();
  const client = await raw(rig);
  client.send(request.consume(1, 'flood', 'tag', true));
  await until(() => client.frames.length > 20, 'the flood has begun');
  rig.sidecar.signal('SIGTERM');
  await closeOf(client);
  client.send(closeOk());
  await until(() => client.ended, 'the end');
  expect(client.frames.length).toBeLessThan(300 * 4); // in its midst
  expect(client.rest).toHaveLength(0);
  expect(client.frames.map(nameOf).lastIndexOf('10.50')).toBe(client.frames.length - 1);
  expect(await rig.sidecar.ended()).toBe(0);
});

test('a consumer that has stopped reading does not hold it up', async () => {
  const rig = await startRig({ args: ['--drain-timeout', '0s'] });
  const channel = await (await rig.aside()).createConfirmChannel();
  await channel.assertQueue('stalled');
  for (let i = 0; i < 100; i++) channel.sendToQueue('stalled', Buffer.alloc(500_000, 's'));
  await channel.waitForConfirms();
  const client = await raw(rig);
  client.send(request.consume(1, 'stalled', 'tag', true));
  await until(() => client.frames.length > 4, 'deliveries come');
  client.socket.pause();
  rig.sidecar.signal('SIGTERM');
  expect(await rig.sidecar.ended()).toBe(0);
  client.socket.destroy();
});

test('connections still in their handshake and plain pipes end too', async () => {
  const rig = await startRig({ args: ['--drain-timeout', '0s'] });
  const half = connect(rig.sidecar.port, '127.0.0.1');
  half.write(PROTOCOL);
  await once(half, 'data');
  const silent = connect(rig.sidecar.port, '127.0.0.1');
  await once(silent, 'connect');
  rig.sidecar.signal('SIGUSR2');
  await until(() => rig.sidecar.log.some(({ msg }) => msg.startsWith('bypass')), 'bypass is on');
  const piped = await raw(rig);
  const endings = [half, silent, piped.socket].map(endingOf);
  rig.sidecar.signal('SIGTERM');
  expect(await Promise.all(endings)).toEqual(Array(3).fill(expect.objectContaining({ how: 'FIN' })));
  expect(await rig.sidecar.ended()).toBe(0);
});

test('upstream, our close is the last that an app with unfinished requests is cut off by', async () => {
  const recorder = await startRecorder(inject('broker').port);
  atEnd(() => recorder.stop());
  const rig = await startRig({ args: ['--drain-timeout', '0s'], port: recorder.port });
  const client = await raw(rig);
  rig.sidecar.signal('SIGTERM');
  await closeOf(client);
  client.send(request.declare(1, 'last', [string('x-queue-type', 'classic')]), closeOk());
  expect(await rig.sidecar.ended()).toBe(0);
  await until(() => recorder.captures.every(({ ended }) => ended), 'the broker connection has ended');
  const { frames, rest } = split(bytesFrom('app', recorder.captures[0]));
  expect(rest).toHaveLength(0);
  const methods = frames.filter(([type]) => type === METHOD);
  expect(methods.slice(-2).map(nameOf)).toEqual(['50.10', '10.50']);
  expect(methods.at(-2)?.includes(short('last'))).toBe(true);
  const answered = split(bytesFrom('broker', recorder.captures[0])).frames;
  expect(answered.slice(-2).map(nameOf)).toEqual(['50.11', '10.51']);
});
