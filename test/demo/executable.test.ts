import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../../testing/folder.ts';
import { Metrics } from '../../testing/metrics.ts';
import { end, run, start } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { startDemo } from './running-demo.ts';

// One file that is the whole program, with Node: what threads and plugins load from files works in it too.

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: ReturnType<typeof temporaryFolder>;
let executable: string;
/** nothing but itself: no Node */
const env = { PATH: '/nowhere' };

beforeAll(async () => {
  folder = temporaryFolder('executable');
  executable = join(folder.path, 'tracehare');
  const made = await run(process.execPath, ['scripts/executable/main.ts', executable], { cwd: root });
  expect(made.code, made.stderr).toBe(0);
});
afterAll(() => folder?.remove());

test('the demo plays in it: figures flow, Ctrl-C leaves nothing', async () => {
  mkdirSync(join(folder.path, 'tmp'));
  const demo = startDemo(executable, ['demo'], join(folder.path, 'tmp'), { env });
  const [admin] = await demo.introduced();
  await until(async () => {
    const scrape = new Metrics(await (await fetch(`${admin}/metrics`)).text());
    return scrape.sum('event_throughput_total') > 0;
  }, 'figures flow');
  demo.child.kill('SIGINT');
  expect(await demo.ended(), demo.output()).toBe(0);
});

test('a plugin is loaded in it, from a file beside it', async () => {
  writeFileSync(
    join(folder.path, 'mine.ts'),
    `export const counters: string[] = ['seen'];\nexport const onPublish = () => undefined;\n`,
  );
  writeFileSync(join(folder.path, 'tracehare.yaml'), 'plugins:\n  - { name: mine, module: ./mine.ts }\n');
  const args = ['--config', join(folder.path, 'tracehare.yaml'), '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
  const sidecar = start(executable, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  sidecar.stderr?.on('data', (chunk) => (log += chunk));
  await until(
    () => log.includes('"listening"') || sidecar.exitCode !== null,
    () => `it listens: ${log}`,
  );
  sidecar.kill('SIGTERM');
  expect(await end(sidecar), log).toBe(0);
});
