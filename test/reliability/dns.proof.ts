import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../testing/folder.ts';
import { freePort } from '../../testing/ports.ts';
import { startRabbitMQ } from '../../testing/rabbitmq.ts';
import { forward } from './forward.ts';
import { expectTrue, footprint, startLoad } from './load.ts';
import { startSidecar } from './prove.ts';

test('the broker’s node moves behind its name: new connections go where the name leads by then', async () => {
  const broker = await startRabbitMQ();
  onTestFinished(() => broker.stop());
  await broker.management.call('PUT', 'queues/%2F/moved', { durable: true });
  const folder = temporaryFolder('hosts');
  onTestFinished(() => folder.remove());
  const hosts = join(folder.path, 'hosts');
  const port = await freePort();
  const leadsTo = (address: string) => writeFileSync(hosts, `127.0.0.1 localhost\n${address} broker.moves\n`);
  const node = (host: string) => forward({ host, port }, { host: '127.0.0.1', port: broker.port });

  leadsTo('127.0.0.2');
  const first = await node('127.0.0.2');
  // its own view of the file system, in which this is /etc/hosts
  const within = ['unshare', '--mount', 'sh', '-c', `mount --bind ${hosts} /etc/hosts && exec "$@"`, 'sh'];
  const sidecar = await startSidecar({ upstream: `amqp://broker.moves:${port}`, within });
  const before = footprint(sidecar);
  const load = startLoad(`amqp://guest:guest@127.0.0.1:${sidecar.port}?heartbeat=5`, 'moved');
  await load.flows();
  await first.close();
  leadsTo('127.0.0.3');
  const second = await node('127.0.0.3');
  onTestFinished(() => second.close());
  await load.flows();
  expect(load.known.broken).toBeGreaterThan(0);
  await load.end(() => sidecar);
  await expectTrue(sidecar, 'moved', load.known);
  await before.expectBack();
});
