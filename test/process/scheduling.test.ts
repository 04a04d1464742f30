import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { commandPath } from '../../scripts/provision.mjs';
import { temporaryFolder } from '../../testing/folder.ts';
import { startTracehare, type TracehareOptions } from '../../testing/tracehare.ts';

// SCHED_BATCH, for all threads of a sidecar however it is started. Linux only, and util-linux, as the tests are.

const SCHED_OTHER = 0;
const SCHED_BATCH = 3;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A sidecar that has started: what it says of its policy, and what the kernel says of its threads. */
async function started(options: TracehareOptions): Promise<{ said: unknown; policies: number[] }> {
  const sidecar = await startTracehare({ upstream: 'amqp://127.0.0.1:1', ...options });
  closing.push(() => sidecar.kill());
  const said = sidecar.log.find(({ msg }) => msg === 'listening')?.scheduling;
  const tasks = readdirSync(`/proc/${sidecar.pid}/task`);
  return { said, policies: tasks.map((task) => policyOf(`/proc/${sidecar.pid}/task/${task}/stat`)) };
}

/** Field 41 of proc(5)'s stat. */
function policyOf(file: string): number {
  const stat = readFileSync(file, 'latin1');
  // the second field, a name in brackets, may hold spaces
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38]);
}

/** A PATH that has this `chrt` and nothing else, or not even that. */
function pathWith(chrt?: string): string {
  const folder = temporaryFolder('path');
  closing.push(() => folder.remove());
  if (chrt !== undefined) {
    writeFileSync(join(folder.path, 'chrt'), `#!/bin/sh\n${chrt}\n`);
    chmodSync(join(folder.path, 'chrt'), 0o755);
  }
  return folder.path;
}

test('all threads run under SCHED_BATCH, those of two traffic threads and of the compiler too, and the start says so', async () => {
  const { said, policies } = await started({ args: ['--workers', '2'] });
  expect(said).toBe('SCHED_BATCH on all threads');
  expect(policies.length).toBeGreaterThan(3);
  expect(new Set(policies)).toEqual(new Set([SCHED_BATCH]));
});

test('without chrt it starts all the same, and says why not', async () => {
  const { said, policies } = await started({ env: { PATH: pathWith() } });
  expect(said).toBe('not SCHED_BATCH: no chrt on PATH');
  expect(new Set(policies)).toEqual(new Set([SCHED_OTHER]));
});

test('where it is refused it starts all the same, and says what chrt said', async () => {
  const chrt = 'echo "chrt: failed to set pid 7\'s policy: Operation not permitted" >&2; exit 1';
  const { said, policies } = await started({ env: { PATH: pathWith(chrt) } });
  expect(said).toBe("not SCHED_BATCH: chrt: failed to set pid 7's policy: Operation not permitted");
  expect(new Set(policies)).toEqual(new Set([SCHED_OTHER]));
});

test('what is said is what the kernel says, whatever chrt makes of it', async () => {
  expect((await started({ env: { PATH: pathWith('exit 0') } })).said).toBe('not SCHED_BATCH');
  const chrt = commandPath('chrt');
  // the main thread only, and a failure behind it
  const some = await started({ env: { PATH: pathWith(`${chrt} -b -p 0 "$5"; exit 3`) } });
  expect(some.said).toMatch(/^SCHED_BATCH on 1 of \d+ threads: chrt ended by code 3$/);
});

test('switched off, nothing runs chrt', async () => {
  const { said, policies } = await started({ args: ['--process-scheduling-policy', 'inherit'] });
  expect(said).toBe('as it was started');
  expect(new Set(policies)).toEqual(new Set([SCHED_OTHER]));
});
