import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../../testing/folder.ts';
import { end } from '../../testing/processes.ts';
import { reapWithUs } from '../../testing/reaper.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';

const program = fileURLToPath(new URL('../../demo/demo.ts', import.meta.url));

/** A demo whose processes can be told from all others by a variable they inherit. */
interface Demo {
  child: ChildProcess;
  output(): string;
  /** command lines by process id, of all it started and itself */
  processes(): Map<number, string>;
  /** Resolves with its exit code once its processes and temporary files are gone. */
  ended(): Promise<unknown>;
}

let folder: ReturnType<typeof temporaryFolder>;
let vhost: Vhost;
beforeEach(async () => {
  folder = temporaryFolder('demo');
  vhost = await createVhost();
});
afterEach(async () => {
  await vhost.remove();
  folder.remove();
});

function startDemo(...args: string[]): Demo {
  const mark = `TRACEHARE_TEST=${randomUUID()}`;
  const [name, value] = mark.split('=');
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, [name]: value, TMPDIR: folder.path },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  reapWithUs(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const processes = () => markedProcesses(mark);
  return {
    child,
    output: () => output,
    processes,
    async ended() {
      const code = await end(child);
      await until(
        () => processes().size === 0,
        () => `nothing is left of the demo: ${[...processes().values()].join('; ')}`,
      );
      expect(readdirSync(folder.path)).toEqual([]);
      return code;
    },
  };
}

function markedProcesses(mark: string): Map<number, string> {
  const found = new Map<number, string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(join('/proc', pid, 'environ'), 'utf8').includes(mark)) continue;
      found.set(Number(pid), readFileSync(join('/proc', pid, 'cmdline'), 'utf8').replaceAll('\0', ' '));
    } catch {
      // it has ended in between
    }
  }
  return found;
}

const introduced = (demo: Demo) =>
  until(
    () => demo.output().includes('Ctrl-C ends everything'),
    () => `the demo runs: ${demo.output()}`,
  );

test('with a RabbitMQ of its own, shows messages passing, ends by itself and leaves nothing behind', {
  timeout: 90_000,
}, async () => {
  const demo = startDemo('--seconds', '8');
  expect(await demo.ended(), demo.output()).toBe(0);
  const last = demo
    .output()
    .match(/^publish .*$/gm)
    ?.at(-1);
  const figures = /^publish (\d+)\/s {2}deliver (\d+)\/s {2}p50 ([\d.]+) p95 ([\d.]+) ms/.exec(last ?? '');
  expect(figures, demo.output()).not.toBeNull();
  for (const figure of (figures as RegExpExecArray).slice(1)) expect(Number(figure)).toBeGreaterThan(0);
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends all that it started, also twice in a row', async (name) => {
  const demo = startDemo('--upstream', vhost.url());
  await introduced(demo);
  expect(demo.processes().size).toBeGreaterThanOrEqual(5);
  demo.child.kill(name);
  demo.child.kill(name);
  expect(await demo.ended(), demo.output()).toBe(0);
});

test('the URLs it prints answer', async () => {
  const demo = startDemo('--upstream', vhost.url());
  await introduced(demo);
  const urls = demo.output().match(/http:\/\/127\.0\.0\.1:\d+\/(metrics)?(?=\s)/g) ?? [];
  expect(urls).toHaveLength(4);
  for (const url of urls) expect((await fetch(url)).status, url).toBe(200);
  demo.child.kill('SIGTERM');
  expect(await demo.ended(), demo.output()).toBe(0);
});

test.each(['demo/order-service.ts', '--listen'])('when the child with %s dies it says so and ends', async (part) => {
  const demo = startDemo('--upstream', vhost.url());
  await introduced(demo);
  const pid = [...demo.processes()].find(([, command]) => command.includes(part))?.[0] as number;
  process.kill(pid, 'SIGKILL');
  expect(await demo.ended()).toBe(1);
  expect(demo.output()).toMatch(/^demo: (order|payment)-service('s sidecar)? ended \(SIGKILL\)/m);
});

test('without a broker at --upstream it says so in one line', async () => {
  const demo = startDemo('--upstream', 'amqp://127.0.0.1:1');
  expect(await demo.ended()).toBe(1);
  expect(demo.output()).toMatch(/^demo: no broker at amqp:\/\/127\.0\.0\.1:1: .*\n$/);
});
