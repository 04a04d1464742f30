import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './folder.ts';
import { Metrics } from './metrics.ts';
import { end, ended, signal, start } from './processes.ts';
import { until } from './wait.ts';

const PROGRAM = fileURLToPath(new URL('../dist/main.js', import.meta.url));

export interface TracehareOptions {
  /** default: port 0 on 127.0.0.1 */
  listen?: string;
  /** default: port 0 on 127.0.0.1, and on 127.0.0.1 in any case */
  admin?: string;
  /** value of --upstream; not given where the configuration has it */
  upstream?: string;
  /** further flags, e.g. `['--loss', 'off']` */
  args?: string[];
  env?: Record<string, string>;
  /** text of the YAML file */
  config?: string;
  /** flags for node itself, e.g. `--max-old-space-size=64` */
  nodeArgs?: string[];
  /** a command that runs what is behind it, e.g. `['prlimit', '--nofile=64']` */
  within?: string[];
}

/** A line of the log as pino wrote it; a line that is no JSON has only `msg`. */
export interface LogLine {
  level?: number;
  msg: string;
  [key: string]: unknown;
}

export interface Tracehare {
  /** where apps connect, on 127.0.0.1 */
  port: number;
  adminPort: number;
  pid: number;
  /** grows as lines come */
  log: LogLine[];
  /** GET on the admin server */
  admin(path: string, headers?: Record<string, string>): Promise<Response>;
  /** Scrapes /metrics. */
  metrics(): Promise<Metrics>;
  signal(name: NodeJS.Signals): void;
  /** Resolves when it has ended: exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals>;
  /** SIGTERM, then as `ended`. May be called again. */
  stop(): Promise<number | NodeJS.Signals>;
  /** SIGKILL, then as `ended`. */
  kill(): Promise<number | NodeJS.Signals>;
}

/** Starts the built sidecar (`npm run build` comes first) and waits until it is ready. */
export async function startTracehare(options: TracehareOptions = {}): Promise<Tracehare> {
  const folder = temporaryFolder('sidecar');
  const args = [...(options.nodeArgs ?? []), PROGRAM, '--listen', options.listen ?? '127.0.0.1:0'];
  args.push('--admin', options.admin ?? '127.0.0.1:0');
  if (options.upstream !== undefined) args.push('--upstream', options.upstream);
  if (options.config !== undefined) {
    const file = join(folder.path, 'tracehare.yaml');
    writeFileSync(file, options.config);
    args.push('--config', file);
  }
  const [command, ...rest] = [...(options.within ?? []), process.execPath, ...args, ...(options.args ?? [])];
  const child = start(command, rest, {
    env: { ...withoutSettings(process.env), ...options.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child.once('exit', () => folder.remove());
  const log: LogLine[] = [];
  createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => log.push(parseLine(line)));
  const kill = () => {
    signal(child, 'SIGKILL');
    return end(child);
  };

  try {
    const listening = await until(
      () => log.find((line) => line.msg === 'listening') ?? (ended(child) && 'ended'),
      () => `Tracehare listens; its log:\n${asText(log)}`,
    );
    if (listening === 'ended') throw new Error(`Tracehare ended instead of listening; its log:\n${asText(log)}`);
    const adminPort = portOf(listening.admin);
    const admin = (path: string, headers = {}) => fetch(`http://127.0.0.1:${adminPort}${path}`, { headers });
    await until(async () => (await admin('/readyz')).ok, 'Tracehare is ready');
    return {
      port: portOf(listening.listen),
      adminPort,
      pid: child.pid as number,
      log,
      admin,
      metrics: async () => new Metrics(await (await admin('/metrics')).text()),
      signal: (name) => signal(child, name),
      ended: () => end(child),
      stop() {
        signal(child, 'SIGTERM');
        return end(child);
      },
      kill,
    };
  } catch (error) {
    await kill();
    throw error;
  }
}

/** Nothing of the environment of the test run may configure the sidecar. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(TRACEHARE|OTEL|NODE_OPTIONS)/.test(name)));
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line);
  } catch {
    return { msg: line };
  }
}

function asText(log: LogLine[]): string {
  return log.map((line) => JSON.stringify(line)).join('\n');
}

function portOf(address: unknown): number {
  return Number(String(address).split(':').at(-1));
}
