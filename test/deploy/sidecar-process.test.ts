import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect as connectTls } from 'node:tls';
import { connect } from 'amqplib';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { makeCertificates } from '../../testing/certificates.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { Metrics } from '../../testing/metrics.ts';
import { end, ended, signal, start } from '../../testing/processes.ts';
import { createVhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { program } from '../cli/built.ts';
import { deploy, type Manifest, ofKind, podOf, renderHelm, sidecarOf } from './manifests.ts';
import { environment, mount } from './mounted.ts';

/** Node lets such a process read, listen and connect, and refuses it every write and every new file. */
const READ_ONLY = ['--permission', '--allow-fs-read=*', '--allow-worker', '--allow-net'];
const FIELDS = {
  'metadata.name': 'orders-7d9f-abcde',
  'metadata.namespace': 'shop',
  "metadata.labels['app.kubernetes.io/name']": 'order-service',
};

/** Runs the sidecar of a rendered Deployment: its variables, its mounts, no flags, and nothing it could write to. */
async function runAsDeployed(objects: Manifest[], secrets: Record<string, Record<string, string>> = {}) {
  const folder = temporaryFolder('pod');
  const deployment = ofKind(
    objects.filter(({ metadata }) => !metadata.name.endsWith('-injector')),
    'Deployment',
  );
  const sidecar = sidecarOf(deployment);
  const configMap = ofKind(objects, 'ConfigMap');
  mount(folder.path, sidecar, podOf(deployment).spec, { [configMap.metadata.name]: configMap.data ?? {}, ...secrets });
  const child = start(process.execPath, [...READ_ONLY, program], {
    env: environment(folder.path, sidecar, FIELDS),
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(async () => {
    signal(child, 'SIGKILL');
    await end(child);
    folder.remove();
  });
  const lines: string[] = [];
  createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => lines.push(line));
  const listening = await until(
    () => lines.find((line) => line.includes('"msg":"listening"')) ?? (ended(child) && 'ended'),
    () => `the sidecar listens; it said:\n${lines.join('\n')}`,
  );
  const { listen, admin } = JSON.parse(listening);
  const port = (address: string) => Number(address.split(':').at(-1));
  return {
    sidecar,
    port: port(listen),
    /** off loopback's rules too: the server is bound to all interfaces */
    get: (path: string, headers = {}) => fetch(`http://127.0.0.1:${port(admin)}${path}`, { headers }),
    async stop() {
      signal(child, 'SIGTERM');
      return { code: await end(child), denied: lines.filter((line) => /ERR_ACCESS_DENIED|EROFS|EACCES/.test(line)) };
    },
  };
}

test('the sidecar as the chart deploys it answers its probes, passes messages on, and writes no file', async () => {
  const vhost = await createVhost();
  onTestFinished(() => vhost.remove());
  const config = { upstream: `amqp://127.0.0.1:${vhost.port}`, pipeline: 'shop' };
  const { sidecar, port, get, stop } = await runAsDeployed(await renderHelm({ tracehare: { config } }));

  const { startupProbe, livenessProbe, readinessProbe } = sidecar;
  for (const { httpGet } of [startupProbe, livenessProbe, readinessProbe])
    expect((await get(httpGet.path)).status).toBe(200);
  // Without a token the page is closed off loopback, and Prometheus needs none.
  expect((await get('/api/state')).status).toBe(403);

  const connection = await connect(vhost.url(port));
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('orders');
  channel.sendToQueue('orders', Buffer.from('x'));
  await channel.waitForConfirms();
  await connection.close();
  const passed = { topic: 'orders', pipeline: 'shop', side: 'publish', status: 'success' };
  await until(async () => {
    const metrics = new Metrics(await (await get('/metrics')).text());
    return metrics.value('event_throughput_total', passed) === 1;
  }, 'the message is counted in the pipeline that the ConfigMap names');
  expect(await stop()).toEqual({ code: 0, denied: [] });
});

test('with everything on, apps connect by TLS and the page opens with the token of the Secret', async () => {
  const folder = temporaryFolder('secrets');
  const { ca, server, client } = makeCertificates(folder.path);
  const read = (path: string) => readFileSync(path, 'utf8');
  const secrets = {
    'order-plugins': { 'priority.js': '' },
    'tracehare-admin': { bearer: 'correct-horse\n' },
    'app-tls': { 'tls.crt': read(server.cert), 'tls.key': read(server.key) },
    'broker-tls': { 'ca.crt': read(ca), 'tls.crt': read(client.cert), 'tls.key': read(client.key) },
  };
  const authority = read(ca);
  folder.remove();
  const everything = parse(read(`${deploy}helm/tracehare/ci/everything-values.yaml`));
  // not every machine that runs tests has IPv6
  everything.admin.host = '0.0.0.0';
  const { port, get, stop } = await runAsDeployed(await renderHelm({ tracehare: everything }), secrets);

  expect((await get('/readyz')).status).toBe(200);
  expect((await get('/api/state')).status).toBe(401);
  expect((await get('/api/state', { authorization: 'Bearer correct-horse' })).status).toBe(200);
  const socket = connectTls({ host: '127.0.0.1', port, ca: authority, servername: 'localhost' });
  await once(socket, 'secureConnect');
  expect(socket.authorized).toBe(true);
  socket.destroy();
  expect(await stop()).toMatchObject({ code: 0 });
});
