import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { freePort } from '../testing/ports.ts';
import { start } from '../testing/processes.ts';
import { ENVIRONMENT, NODE_FLAGS } from './as-deployed.ts';

export interface Launch {
  program: string;
  args: string[];
  node: string[];
  core: string;
  upstream: number;
}

export interface Launched {
  child: ChildProcess;
  pid: number;
  port: number;
  /** ms until it listened */
  startup: number;
}

/** Starts the sidecar on one core and waits until it listens. */
export async function launch({ program, args, node, core, upstream }: Launch): Promise<Launched> {
  const port = await freePort();
  const began = performance.now();
  const child = start(
    'taskset',
    [
      ...['-c', core, process.execPath, ...NODE_FLAGS, ...node, program],
      ...[
        '--listen',
        `127.0.0.1:${port}`,
        '--admin',
        '127.0.0.1:0',
        '--upstream',
        `amqp://127.0.0.1:${upstream}`,
        ...args,
      ],
    ],
    { env: { ...process.env, ...ENVIRONMENT }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the sidecar ended instead of listening, code ${code}`)));
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      if (line.includes('"msg":"listening"')) resolve();
    });
  });
  return { child, pid: child.pid as number, port, startup: performance.now() - began };
}
