import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { commandPath } from '../../scripts/provision.mjs';
import { temporaryFolder } from '../../testing/folder.ts';
import { freePort } from '../../testing/ports.ts';
import { end, ended, signal, start } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { ENVIRONMENT, NODE_FLAGS } from '../as-deployed.ts';
import type { LoadSpec } from '../load/load.ts';

/** A way from the apps to the broker. */
export interface Path {
  name: string;
  kind: 'direct' | 'tracehare' | 'pipe' | 'haproxy';
  /** Tracehare: further flags, variables, text of a YAML file, and the built program if not dist/main.js */
  args?: string[];
  env?: Record<string, string>;
  config?: string;
  /** spans go to an endpoint that takes them all, or to one that never answers */
  exports?: boolean | 'hang';
  /** /metrics is scraped twice a second */
  scraped?: boolean;
  program?: string;
  /** what the apps do otherwise on this path, so that the work is equal */
  load?: Partial<LoadSpec>;
}

export interface RunningPath {
  path: Path;
  port: number;
  /** base URL of Tracehare's admin server */
  admin?: string;
  /** undefined: there is no process in between */
  pid?: number;
  /** milliseconds from its start until it listened */
  startup?: number;
  /** Resolves when it has ended. */
  stop(): Promise<void>;
}

export interface PathOptions {
  brokerPort: number;
  /** SCHED_BATCH for whatever stands in between */
  batch: boolean;
  /** CPU profiles of Tracehare go there */
  profile?: string | undefined;
  /** further flags for Tracehare's Node */
  node?: string[];
}

const LISTEN_TIMEOUT_MS = 15_000;
/** as --batch has it for all proxies, not as Tracehare would have it for itself */
const POLICY = ['--process-scheduling-policy', 'inherit'];
const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const PIPE = fileURLToPath(new URL('../pipe.mjs', import.meta.url));

export const hasHaproxy = (): boolean => commandPath('haproxy') !== undefined;

export async function startPath(path: Path, options: PathOptions): Promise<RunningPath> {
  const { brokerPort } = options;
  if (path.kind === 'direct') return { path, port: brokerPort, stop: async () => {} };
  const port = await freePort();
  if (path.kind === 'pipe') {
    return launch(path, port, options, [process.execPath, PIPE, String(port), String(brokerPort)], /^listening/);
  }
  if (path.kind === 'haproxy') return haproxy(path, port, options);
  return tracehare(path, port, options);
}

async function tracehare(path: Path, port: number, options: PathOptions): Promise<RunningPath> {
  const admin = await freePort();
  const folder = temporaryFolder('bench');
  const args = ['--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${admin}`];
  args.push('--upstream', `amqp://127.0.0.1:${options.brokerPort}`, ...POLICY, ...(path.args ?? []));
  if (path.config !== undefined) {
    const file = join(folder.path, 'tracehare.yaml');
    writeFileSync(file, path.config);
    args.push('--config', file);
  }
  const profile = options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`];
  const command = [
    process.execPath,
    ...NODE_FLAGS,
    ...(options.node ?? []),
    ...profile,
    path.program ?? PROGRAM,
    ...args,
  ];
  const running = await launch(path, port, options, command, /"msg":"listening"/, { ...ENVIRONMENT, ...path.env });
  return {
    ...running,
    admin: `http://127.0.0.1:${admin}`,
    async stop() {
      await running.stop();
      folder.remove();
    },
  };
}

/** One thread, all else as HAProxy has it by default. */
async function haproxy(path: Path, port: number, options: PathOptions): Promise<RunningPath> {
  const folder = temporaryFolder('bench');
  const file = join(folder.path, 'haproxy.cfg');
  const lines = [
    'global',
    '  nbthread 1',
    '  maxconn 4000',
    'defaults',
    '  mode tcp',
    '  timeout connect 5s',
    '  timeout client 1h',
    '  timeout server 1h',
    'listen amqp',
    `  bind 127.0.0.1:${port}`,
    `  server rabbitmq 127.0.0.1:${options.brokerPort}`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const running = await launch(path, port, options, [commandPath('haproxy') ?? 'haproxy', '-db', '-f', file]);
  return {
    ...running,
    async stop() {
      await running.stop();
      folder.remove();
    },
  };
}

async function launch(
  path: Path,
  port: number,
  { batch }: PathOptions,
  command: string[],
  ready?: RegExp,
  env: Record<string, string> = {},
): Promise<RunningPath> {
  const [program, ...args] = batch ? ['chrt', '--batch', '0', ...command] : command;
  const began = performance.now();
  const child = start(program, args, { env: { ...clean(process.env), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  await listening(path.name, child, ready ?? port);
  const startup = performance.now() - began;
  return {
    path,
    port,
    pid: child.pid as number,
    startup,
    async stop() {
      signal(child, 'SIGTERM');
      const kill = setTimeout(() => signal(child, 'SIGKILL'), LISTEN_TIMEOUT_MS);
      await end(child);
      clearTimeout(kill);
    },
  };
}

/** `ready`: what it says when it listens, or, for one that says nothing, its port. */
async function listening(name: string, child: ChildProcess, ready: RegExp | number): Promise<void> {
  const said: string[] = [];
  const listens = new Promise<void>((resolve) => {
    for (const output of [child.stdout, child.stderr]) {
      createInterface({ input: output as NodeJS.ReadableStream }).on('line', (line) => {
        if (said.length < 20) said.push(line);
        if (ready instanceof RegExp && ready.test(line)) resolve();
      });
    }
    if (typeof ready === 'number')
      untilConnected(ready).then(
        () => resolve(),
        () => {},
      );
  });
  let late: NodeJS.Timeout | undefined;
  const fails = new Promise<never>((_, reject) => {
    const fail = (how: string): void => reject(new Error(`${name} ${how}:\n  ${said.join('\n  ')}`));
    child.once('error', (error) => fail(`could not be started: ${error.message}`));
    child.once('exit', () => fail('ended instead of listening'));
    late = setTimeout(() => fail('does not listen'), LISTEN_TIMEOUT_MS);
  });
  try {
    await Promise.race([listens, fails]);
  } catch (error) {
    if (!ended(child)) signal(child, 'SIGKILL');
    throw error;
  } finally {
    clearTimeout(late);
    fails.catch(() => {});
  }
}

const untilConnected = (port: number): Promise<unknown> =>
  until(
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1');
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
        socket.once('connect', () => socket.destroy());
      }),
    'it listens',
  );

/** Nothing of our own environment may configure what is measured. */
const clean = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^(TRACEHARE|OTEL|NODE_OPTIONS)/.test(name)));
