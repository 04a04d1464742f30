import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../testing/folder.ts';
import { openDescriptors } from '../../testing/proc.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { atEnd } from '../process/closing.ts';
import { fakeBroker } from '../process/peers.ts';

// A sidecar that has no file descriptor left is at its own limit. It is not the broker's fault, and it passes.

const descriptors = ({ pid }: Tracehare): number => openDescriptors(pid);
const allow = ({ pid }: Tracehare, count: number): void => {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${count}:4096`]);
};

/**
 * Connections until no descriptor is left and one of them was told so. While broker connections are being opened the
 * system closes those it can't accept, and nobody hears of these: apps come again, as here.
 */
async function exhaust(sidecar: Tracehare): Promise<Socket[]> {
  allow(sidecar, descriptors(sidecar) + 7);
  const apps: Socket[] = [];
  await until(
    async () => {
      const app = connect({ port: sidecar.port, host: '127.0.0.1' }).on('error', () => {});
      atEnd(() => app.destroy());
      app.resume();
      apps.push(app);
      // one that is refused at once may never have been connected
      await new Promise((resolve) => app.once('connect', resolve).once('close', resolve));
      return apps.some(({ closed }) => closed) && outOfDescriptors(sidecar).length > 0;
    },
    () => `one is refused and the log says so: ${JSON.stringify(sidecar.log)}`,
  );
  return apps;
}

const outOfDescriptors = ({ log }: Tracehare) => log.filter(({ msg }) => msg.startsWith('out of file descriptors'));

test.each(['127.0.0.1', 'localhost'])('out of descriptors is told as our limit, with %s as upstream', async (host) => {
  const broker = await fakeBroker();
  const sidecar = await startTracehare({ upstream: `amqp://${host}:${broker.port}` });
  atEnd(() => sidecar.kill());
  const apps = await exhaust(sidecar);
  for (const app of apps) app.destroy();
  allow(sidecar, 4096);
  const refused = async (reason: string) =>
    (await sidecar.metrics()).sum('tracehare_connections_refused_total', { reason });
  await until(async () => {
    // also those that it has accepted only now
    for (const socket of broker.sockets) socket.destroy();
    return (await sidecar.metrics()).value('tracehare_connections') === 0;
  }, 'all are gone');
  expect(await refused('limit')).toBeGreaterThan(0);
  expect(await refused('upstream_unreachable')).toBe(0);
  expect((await sidecar.metrics()).sum('tracehare_upstream_up')).toBe(1);
  expect(outOfDescriptors(sidecar)).toHaveLength(1);
  expect(outOfDescriptors(sidecar)[0].msg).toContain('ulimit -n');
  expect(sidecar.log.filter(({ msg }) => msg === 'upstream unreachable')).toEqual([]);

  const before = broker.sockets.length;
  const app = connect({ port: sidecar.port, host: '127.0.0.1' });
  atEnd(() => app.destroy());
  app.write('AMQP');
  const [heard] = await once(await broker.accepted(before), 'data');
  expect(String(heard)).toBe('AMQP');
});

test('a reload that finds no descriptor changes nothing, and is made up for', async () => {
  const broker = await fakeBroker();
  const folder = temporaryFolder('descriptors');
  atEnd(() => folder.remove());
  const file = join(folder.path, 'tracehare.yaml');
  const config = (level: string) => `upstream: amqp://127.0.0.1:${broker.port}\nlog: { level: ${level} }\n`;
  writeFileSync(file, config('info'));
  const sidecar = await startTracehare({ args: ['--config', file] });
  atEnd(() => sidecar.kill());
  const apps = await exhaust(sidecar);
  const told = (text: string) => sidecar.log.filter(({ msg }) => msg.startsWith(text));
  // nothing was free before, and nothing is now
  allow(sidecar, 3);
  sidecar.signal('SIGHUP');
  const [failure] = await until(
    () => told('configuration not reloaded').length && told('configuration not'),
    'it fails',
  );
  expect(JSON.stringify(failure.problems)).toContain('EMFILE');
  for (const app of apps) app.destroy();
  allow(sidecar, 4096);
  await until(() => told('configuration reloaded').length > 0, 'it is made up for');
  const metrics = await sidecar.metrics();
  expect(metrics.value('tracehare_config_last_reload_successful')).toBe(1);
  expect(metrics.sum('tracehare_config_reloads_total', { result: 'failure' })).toBe(1);
});
