import type { Result } from '../../testing/processes.ts';
import { commandPath, provision } from '../provision.mjs';
import { ask, must } from './commands.ts';
import { preparePodman } from './podman.ts';

/** What builds images and runs containers. */
export interface Engine {
  name: 'docker' | 'podman';
  version: string;
  /** Its command line; rejects with what it said if that fails. */
  run(args: string[]): Promise<string>;
  /** Its command line, whatever the exit code. */
  ask(args: string[]): Promise<Result>;
  /** Its way of `docker compose`; rejects with what it said if that fails. */
  compose(args: string[]): Promise<string>;
}

/** Docker where a daemon answers and compose is there, else podman, which Debian has. */
export async function chooseEngine(wanted?: string): Promise<Engine> {
  if (wanted !== undefined && wanted !== 'docker' && wanted !== 'podman')
    throw new Error(`--engine is docker or podman, not ${wanted}`);
  if (wanted !== 'podman') {
    const found = await docker();
    if (found !== undefined) return found;
    if (wanted === 'docker') throw new Error('no Docker here: a daemon that answers, and docker compose 2.24 or later');
  }
  return podman();
}

async function docker(): Promise<Engine | undefined> {
  if (commandPath('docker') === undefined) return undefined;
  for (const args of [['info'], ['compose', 'version']]) if ((await ask('docker', args)).code !== 0) return undefined;
  const version = await must('docker', ['version', '--format', '{{.Server.Version}}']);
  return {
    name: 'docker',
    version: version.trim(),
    run: (args) => must('docker', args),
    ask: (args) => ask('docker', args),
    compose: (args) => must('docker', ['compose', ...args]),
  };
}

async function podman(): Promise<Engine> {
  provision(['podman', 'netavark', 'aardvark-dns', 'iptables']);
  const { env, compose } = await preparePodman();
  const version = await must('podman', ['version', '--format', '{{.Client.Version}}'], { env });
  return {
    name: 'podman',
    version: version.trim(),
    run: (args) => must('podman', args, { env }),
    ask: (args) => ask('podman', args, { env }),
    // the host's network: npm asks from wherever this machine may
    compose: (args) => must(compose[0], [...compose.slice(1), '--podman-build-args=--network=host', ...args], { env }),
  };
}
