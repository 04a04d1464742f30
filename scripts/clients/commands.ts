import { type ChildProcess, type SpawnOptions, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { end, signal, start } from '../../testing/processes.ts';
import type { Reachable } from './client.ts';

/** Runs a command that prepares something, and throws with the end of what it said if it fails. */
export function must(command: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    ...options,
    env: { ...withoutOurs(process.env), ...options.env },
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (error) throw new Error(`${command} could not be started: ${error.message}`);
  if (status !== 0) throw failure(command, args, status, `${stdout}\n${stderr}`);
  return stdout;
}

/** Of a command that ended so, with the end of what it said. */
export function failure(command: string, args: string[], code: number | string | null, said: string): Error {
  return new Error(
    `${command} ${args.join(' ')} ended with ${code}:\n${said.trim().split('\n').slice(-15).join('\n')}`,
  );
}

/** Runs a suite; its exit code says only that some test failed, which its results say better. Its output comes back. */
export async function suite(
  broker: Reachable,
  command: string,
  args: string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<string> {
  const before = size(broker.log);
  appendFileSync(broker.log, `$ ${command} ${args.join(' ')}\n`);
  const child = start(command, args, {
    cwd: options.cwd,
    env: { ...withoutOurs(process.env), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  } satisfies SpawnOptions);
  const append = (chunk: Buffer) => appendFileSync(broker.log, chunk);
  child.stdout?.on('data', append);
  child.stderr?.on('data', append);
  const timer = setTimeout(() => stopped(child, broker), broker.minutes * 60_000);
  try {
    await once(child, 'close');
    await end(child);
  } finally {
    clearTimeout(timer);
  }
  return readFileSync(broker.log).subarray(before).toString();
}

function stopped(child: ChildProcess, broker: Reachable): void {
  appendFileSync(broker.log, `\nended after ${broker.minutes} minutes\n`);
  signal(child, 'SIGKILL');
}

function size(file: string): number {
  writeFileSync(file, '', { flag: 'a' });
  return readFileSync(file).length;
}

/**
 * Nothing of npm's or the sidecar's settings may reach a foreign suite, nor this project's own commands: npm looks for
 * the machine's settings beside the Node that runs it.
 */
export function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !/^(npm_(package|lifecycle)_|NODE_(OPTIONS|ENV)|TRACEHARE|OTEL|INIT_CWD|VITEST|CI$)/.test(name),
  );
  const path = (env.PATH ?? '').split(':').filter((folder) => !/node_modules\/|node-gyp-bin/.test(folder));
  return { ...Object.fromEntries(kept), PATH: path.join(':') };
}
