import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { reapWithUs } from './reaper.ts';

/** Starts a program in a process group of its own, which ends with the test process at the latest. */
export function start(command: string, args: string[], options: SpawnOptions = {}): ChildProcess {
  const child = spawn(command, args, { ...options, detached: true });
  reapWithUs(child);
  return child;
}

/** Signals the child and everything it started. Nothing happens if it has ended already. */
export function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined || ended(child)) return;
  try {
    process.kill(-child.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** As long as `whileFrozen` takes, nothing of the process runs, and the kernel alone answers for it. */
export async function frozen(pid: number, whileFrozen: () => Promise<unknown>): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  try {
    await whileFrozen();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

export function ended(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Resolves when the child has ended: its exit code, or the signal that ended it. */
export async function end(child: ChildProcess): Promise<number | NodeJS.Signals> {
  if (!ended(child)) await once(child, 'exit');
  return child.exitCode ?? (child.signalCode as NodeJS.Signals);
}

export interface Result {
  code: number | NodeJS.Signals;
  stdout: Buffer;
  stderr: string;
}

/** Runs a program to its end. `input` becomes its standard input, of a promise when it resolves. */
export async function run(
  command: string,
  args: string[],
  options: SpawnOptions & { input?: string | Buffer | Promise<string> } = {},
): Promise<Result> {
  const { input, ...spawnOptions } = options;
  const child = start(command, args, { ...spawnOptions, stdio: ['pipe', 'pipe', 'pipe'] });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk) => stdout.push(chunk));
  child.stderr?.on('data', (chunk) => stderr.push(chunk));
  child.stdin?.on('error', () => {}); // a program may end before it has read its input
  void Promise.resolve(input).then((text) => child.stdin?.end(text));
  await once(child, 'close');
  return { code: await end(child), stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
}
