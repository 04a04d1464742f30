import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect as connectApp } from 'amqplib';
import { expect, test } from 'vitest';
import { leadsTo, namesItself } from '../../src/config/own-address.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { freePort } from '../../testing/ports.ts';
import { run } from '../../testing/processes.ts';
import { startTracehare } from '../../testing/tracehare.ts';
import { createVhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { atEnd } from './closing.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

test.each([
  ['127.0.0.1', '127.0.0.1', true],
  ['127.0.0.1', 'localhost', true],
  ['localhost', '127.0.0.1', true],
  ['127.0.0.1', '0.0.0.0', true],
  ['127.0.0.1', '::ffff:127.0.0.1', true],
  ['127.0.0.1', '127.0.0.2', false],
  ['127.0.0.1', '::1', false],
  ['127.0.0.1', 'rabbitmq.internal', false],
  ['127.0.0.1', '192.0.2.1', false],
  ['rabbitmq.internal', 'RabbitMQ.internal', true],
  ['0.0.0.0', '127.0.0.2', true],
  ['0.0.0.0', '::1', false],
  ['0.0.0.0', '192.0.2.1', false],
  ['', '127.0.0.1', true],
  ['', '::1', true],
  ['', '0:0:0:0:0:0:0:1', true],
  ['', hostname(), true],
  ['::', '127.0.0.1', true],
  ['::1', 'localhost', true],
  ['::1', '::', true],
  ['', '192.0.2.1', false],
])('a sidecar on %j that is to dial %j: itself is %s', (listen, host, itself) => {
  expect(namesItself({ host: listen, port: 5672 }, host, 5672)).toBe(itself);
  expect(namesItself({ host: listen, port: 5673 }, host, 5672)).toBe(false);
});

test('what a name has resolved to is held against the address that is bound', () => {
  expect(leadsTo({ host: '::', port: 1 }, '127.0.0.1', 1)).toBe(true);
  expect(leadsTo({ host: '127.0.0.1', port: 1 }, '127.0.0.1', 2)).toBe(false);
  expect(leadsTo({ host: '127.0.0.1', port: 1 }, '192.0.2.1', 1)).toBe(false);
});

test.each(['127.0.0.1', 'localhost', '0.0.0.0'])(
  'it does not start with %s, where it listens, as upstream',
  async (host) => {
    const port = await freePort();
    const args = [PROGRAM, '--listen', `127.0.0.1:${port}`, '--upstream', `amqp://broker:5672,amqp://${host}:${port}`];
    const { code, stderr } = await run(process.execPath, args);
    expect(code).toBe(2);
    expect(stderr.trim().split('\n')).toEqual([
      `tracehare: --upstream: ${host}:${port} is where Tracehare itself listens (127.0.0.1:${port}); name the broker, or listen on another port`,
    ]);
  },
);

test('tracehare check says so too', async () => {
  const folder = temporaryFolder('own-upstream');
  atEnd(() => folder.remove());
  const file = join(folder.path, 'tracehare.yaml');
  writeFileSync(file, 'listen: :5672\nupstream: amqp://localhost:5672\n');
  const { code, stderr } = await run(process.execPath, [PROGRAM, 'check', file]);
  expect([code, stderr.trim().split('\n').length]).toEqual([1, 1]);
  expect(stderr).toContain('is where Tracehare itself listens');
});

test.each([1, 2])(
  'a name that leads back is refused at each dial, with %i workers: one connect makes one',
  async (workers) => {
    const port = await freePort();
    // a way to write 127.0.0.1 that only a look-up understands
    const config = `upstream: amqp://127.1:${port}\nlisten: 127.0.0.1:${port}\nworkers: ${workers}\n`;
    const sidecar = await startTracehare({ listen: `127.0.0.1:${port}`, config });
    atEnd(() => sidecar.kill());
    for (let i = 1; i <= 3; i++) {
      const app = connect({ port, host: '127.0.0.1' }).on('error', () => {});
      app.resume();
      await until(() => app.closed, 'it is closed');
      const refused = async () => (await sidecar.metrics()).sum('tracehare_connections_refused_total');
      await until(async () => (await refused()) >= i, 'it is refused');
      expect(await refused()).toBe(i);
    }
    const metrics = await sidecar.metrics();
    expect(metrics.sum('tracehare_connections_refused_total', { reason: 'upstream_unreachable' })).toBe(3);
    const [line] = sidecar.log.filter(({ msg }) => msg === 'upstream unreachable');
    expect(line.reason).toContain('where Tracehare itself listens');
  },
);

test('two in a row are none of it', async () => {
  const vhost = await createVhost();
  atEnd(() => vhost.remove());
  const second = await startTracehare({ upstream: `amqp://127.0.0.1:${vhost.port}` });
  atEnd(() => second.kill());
  const first = await startTracehare({ upstream: `amqp://localhost:${second.port}` });
  atEnd(() => first.kill());
  const app = await connectApp(vhost.url(first.port));
  await (await app.createChannel()).assertQueue('q');
  await app.close();
});
