import { once } from 'node:events';
import { type AddressInfo, createServer, connect as netConnect, type Socket } from 'node:net';
import { connect } from 'amqplib';
import { expect, test } from 'vitest';
import { bytesFrom, startRecorder } from '../../testing/recorder.ts';
import { startTracehare } from '../../testing/tracehare.ts';
import { createVhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { atEnd } from './closing.ts';
import { endingOf } from './ending.ts';

async function between(options: { env?: Record<string, string>; args?: string[] }) {
  const vhost = await createVhost();
  atEnd(() => vhost.remove());
  const atBroker = await startRecorder(vhost.port);
  atEnd(() => atBroker.stop());
  const sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${atBroker.port}`, ...options });
  atEnd(() => sidecar.kill());
  const atApp = await startRecorder(sidecar.port);
  atEnd(() => atApp.stop());
  /** publishes, consumes and closes; `meanwhile` happens between the opening and the rest */
  const use = async (meanwhile?: () => Promise<void>): Promise<object> => {
    const model = await connect(vhost.url(atApp.port));
    await meanwhile?.();
    const channel = await model.createConfirmChannel();
    const { queue } = await channel.assertQueue('');
    channel.sendToQueue(queue, Buffer.alloc(300_000, 'x'), { headers: { own: 1 } });
    await channel.waitForConfirms();
    const message = await channel.get(queue, { noAck: true });
    await model.close();
    if (message === false) throw new Error('nothing was stored');
    return message.properties.headers ?? {};
  };
  const identical = async (from = 0): Promise<void> => {
    await until(() => [...atApp.captures, ...atBroker.captures].every(({ ended }) => ended), 'all have ended');
    expect(atApp.captures.length).toBe(atBroker.captures.length);
    for (const side of ['app', 'broker'] as const) {
      for (const [i, capture] of atApp.captures.entries()) {
        if (i < from) continue;
        expect(bytesFrom(side, atBroker.captures[i]).equals(bytesFrom(side, capture))).toBe(true);
      }
    }
  };
  return { sidecar, use, identical };
}

test.each([
  ['TRACEHARE_BYPASS=1', { env: { TRACEHARE_BYPASS: '1' } }],
  ['--bypass', { args: ['--bypass'] }],
])('%s: every connection is a plain pipe, and counted', async (_, options) => {
  const { sidecar, use, identical } = await between({ ...options });
  expect(await use()).toEqual({ own: 1 });
  await identical();
  const metrics = await sidecar.metrics();
  expect(metrics.value('tracehare_bypassed_connections_total', { reason: 'bypass' })).toBe(1);
  expect(metrics.matching('event_throughput_total')).toEqual([]);
});

test('SIGUSR2: connections there were are observed on, new ones are plain pipes', async () => {
  const { sidecar, use, identical } = await between({});
  const headers = await use(async () => {
    sidecar.signal('SIGUSR2');
    await until(() => sidecar.log.some(({ msg }) => msg.startsWith('bypass')), 'it says so');
    await until(async () => (await sidecar.metrics()).value('tracehare_bypass') === 1, 'it shows');
  });
  expect(headers).toEqual({ own: 1, traceparent: expect.any(String), 'x-tracehare-sent': expect.any(Number) });
  const counted = async () => {
    const metrics = await sidecar.metrics();
    return {
      published: metrics.sum('event_throughput_total', { side: 'publish' }),
      bypassed: metrics.sum('tracehare_bypassed_connections_total', { reason: 'bypass' }),
      connections: metrics.value('tracehare_connections'),
    };
  };
  await until(async () => (await counted()).published === 1, 'the message is counted');
  expect((await counted()).bypassed).toBe(0);
  expect(await use()).toEqual({ own: 1 });
  await identical(1);
  await until(async () => (await counted()).connections === 0, 'all are gone');
  expect(await counted()).toEqual({ published: 1, bypassed: 1, connections: 0 });
});

test('a pipe passes resets on, and takes what is no AMQP at all', async () => {
  const broker = createServer((socket) => socket.on('data', (bytes) => socket.end(Buffer.from(bytes).reverse())));
  broker.listen(0, '127.0.0.1');
  await once(broker, 'listening');
  atEnd(() => broker.close());
  const { port } = broker.address() as AddressInfo;
  const sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${port}`, args: ['--bypass'] });
  atEnd(() => sidecar.kill());
  const socket = netConnect(sidecar.port, '127.0.0.1');
  socket.write('GET / HTTP/1.0');
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toBe('0.1/PTTH / TEG');
  const again = netConnect(sidecar.port, '127.0.0.1');
  const [[atBroker]] = await Promise.all([once(broker, 'connection') as Promise<[Socket]>, once(again, 'connect')]);
  const ending = endingOf(atBroker);
  again.resetAndDestroy();
  expect(await ending).toMatchObject({ how: 'ECONNRESET' });
});
