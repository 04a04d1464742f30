import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../../testing/folder.ts';
import { Metrics } from '../../testing/metrics.ts';
import { oldestNode } from '../../testing/oldest-node.ts';
import { run } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { startDemo } from './running-demo.ts';

// The package as it would be published, installed into an empty folder by an ordinary user under the oldest Node.

const root = new URL('../..', import.meta.url);
const { engines, version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
/** nobody, where we are root; else whoever we are */
const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const MOST_BYTES = 5_000_000;

let home: ReturnType<typeof temporaryFolder>;
let env: NodeJS.ProcessEnv;
const inHome = (...parts: string[]) => join(home.path, ...parts);

beforeAll(async () => {
  home = temporaryFolder('packed');
  mkdirSync(inHome('bin'));
  copyFileSync(oldestNode(), inHome('bin', 'node'));
  chmodSync(inHome('bin', 'node'), 0o755);
  const packed = await run('npm', ['pack', '--pack-destination', home.path], { cwd: root });
  expect(packed.code, packed.stderr).toBe(0);
  for (const folder of ['', 'app', 'tmp']) {
    mkdirSync(inHome(folder), { recursive: true });
    if (user.uid !== undefined) chownSync(inHome(folder), user.uid, user.gid);
  }
  // no RabbitMQ on its PATH, and nothing of this repository
  env = {
    PATH: `${inHome('bin')}:/usr/bin:/bin`,
    HOME: home.path,
    npm_config_registry: process.env.npm_config_registry,
  };
  const options = { cwd: inHome('app'), env, ...user };
  const installed = await run(
    'npm',
    ['install', '--no-audit', '--no-fund', inHome(`tracehare-${version}.tgz`)],
    options,
  );
  expect(installed.code, installed.stderr).toBe(0);
});
afterAll(() => home?.remove());

const program = () => inHome('app', 'node_modules', '.bin', 'tracehare');

test('the Node is the oldest that package.json allows', async () => {
  const { stdout } = await run(inHome('bin', 'node'), ['--version'], user);
  expect(`>=${stdout.toString().trim().slice(1)}`.startsWith(engines.node)).toBe(true);
});

test('one package is installed, small, with its license and without maps', () => {
  const modules = inHome('app', 'node_modules');
  expect(readdirSync(modules).filter((name) => !name.startsWith('.'))).toEqual(['tracehare']);
  const files = readdirSync(join(modules, 'tracehare'), { recursive: true, encoding: 'utf8' });
  expect(files.filter((name) => name.endsWith('.map'))).toEqual([]);
  expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json', 'dist/licenses.txt']));
  const sizes = files.map((name) => statSync(join(modules, 'tracehare', name))).filter((each) => each.isFile());
  expect(sizes.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(MOST_BYTES);
});

test('the demo plays: the page answers, figures flow, spans leave by gRPC, Ctrl-C leaves nothing', async () => {
  const collector = await startCollector();
  try {
    const demo = startDemo(program(), ['demo'], inHome('tmp'), {
      cwd: inHome('app'),
      env: { ...env, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
      ...user,
    });
    const admins = await demo.introduced();
    expect(admins).toHaveLength(3);
    for (const admin of admins) {
      expect(await (await fetch(`${admin}/`)).text()).toContain('<html');
      await until(async () => {
        const scrape = new Metrics(await (await fetch(`${admin}/metrics`)).text());
        return scrape.sum('event_throughput_total') > 0;
      }, `${admin} has figures`);
    }
    await until(() => collector.requests() > 0, 'spans have left');
    demo.child.kill('SIGINT');
    expect(await demo.ended(), demo.output()).toBe(0);
  } finally {
    collector.stop();
  }
});

test('what its help names is there', async () => {
  const options = { cwd: inHome('app'), env, ...user };
  const help = await run(program(), ['--help'], options);
  expect(help.stdout.toString()).toContain('tracehare run --help');
  const said = await run(program(), ['--version'], options);
  expect(said.stdout.toString().trim()).toBe(version);
  expect(existsSync(inHome('app', 'node_modules', 'tracehare', 'dist', 'plugins', 'plugin.d.ts'))).toBe(true);
});

/** Counts what comes by OTLP/gRPC. */
async function startCollector(): Promise<{ url: string; requests(): number; stop(): void }> {
  let requests = 0;
  const pass = (bytes: Buffer): Buffer => bytes;
  const server = new Server();
  server.addService(
    {
      Export: {
        path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        requestStream: false,
        responseStream: false,
        requestSerialize: pass,
        requestDeserialize: pass,
        responseSerialize: pass,
        responseDeserialize: pass,
      },
    },
    {
      Export(_: unknown, done: (error: Error | null, response: Buffer) => void) {
        requests++;
        done(null, Buffer.alloc(0));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { url: `http://127.0.0.1:${port}`, requests: () => requests, stop: () => server.forceShutdown() };
}
