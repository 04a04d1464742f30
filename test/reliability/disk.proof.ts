import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from 'amqplib';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../testing/folder.ts';
import { Metrics } from '../../testing/metrics.ts';
import { freePorts } from '../../testing/ports.ts';
import { end, signal, start } from '../../testing/processes.ts';
import { startRabbitMQ } from '../../testing/rabbitmq.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { expectTrue, footprint, startLoad } from './load.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

test('a full disk under its log and its spans: traffic goes on, figures stay true, and the log is back with room', async () => {
  const broker = await startRabbitMQ();
  onTestFinished(() => broker.stop());
  await broker.management.call('PUT', 'queues/%2F/disk', { durable: true });
  const { path } = temporaryFolder('disk');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', path]));
  const [log, spans, rest] = ['log', 'spans', 'rest'].map((name) => join(path, name));
  const [port, adminPort] = await freePorts(2);
  const flags = `--listen 127.0.0.1:${port} --admin 127.0.0.1:${adminPort} --upstream amqp://127.0.0.1:${broker.port}`;
  const shell = `exec ${process.execPath} ${PROGRAM} ${flags} --log-level debug >>${spans} 2>>${log}`;
  const env = { ...process.env, OTEL_TRACES_EXPORTER: 'console', OTEL_TRACES_SAMPLER: 'always_on' };
  const child = start('sh', ['-c', shell], { env, stdio: 'ignore' });
  onTestFinished(async () => {
    signal(child, 'SIGKILL');
    await end(child);
  });
  const admin = (path: string) => fetch(`http://127.0.0.1:${adminPort}${path}`);
  const metrics = async () => new Metrics(await (await admin('/metrics')).text());
  await until(async () => (await admin('/readyz')).ok, 'it is ready');
  const sidecar = { pid: child.pid, metrics } as Tracehare;
  const before = footprint(sidecar);
  const url = `amqp://guest:guest@127.0.0.1:${port}?heartbeat=5`;
  const load = startLoad(url, 'disk');
  await load.flows();
  const { bavail, bsize } = statfsSync(path);
  writeFileSync(rest, Buffer.alloc(bavail * bsize));
  expect(statfsSync(path).bavail).toBe(0);
  // connections that come and go are told in its log, and each message makes two spans
  for (let times = 0; times < 20; times++) await (await connect(url)).close();
  await load.flows(500);
  rmSync(rest);
  const size = statSync(log).size;
  await load.end(() => sidecar);
  await until(() => statSync(log).size > size, 'it logs again');
  await expectTrue(sidecar, 'disk', load.known);
  await before.expectBack();
  signal(child, 'SIGTERM');
  expect(await end(child)).toBe(0);
});
