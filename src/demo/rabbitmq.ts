import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stop } from './child.ts';

export interface InstalledRabbitMQ {
  port: number;
  gone(): string | undefined;
  stop(): Promise<void>;
}

// RabbitMQ's own scripts come first: Debian's in /usr/sbin only serve root and the rabbitmq user.
const FOLDERS = ['/usr/lib/rabbitmq/bin', '/opt/rabbitmq/sbin', '/opt/homebrew/sbin', '/usr/local/sbin'];
const START_TIMEOUT_MS = 60_000;
const STOP_PATIENCE_MS = 5_000;

// The shell ends both, and removes the folder, as soon as its standard input ends: with the demo at the latest. An
// epmd of its own, so that it knows nothing of another broker on the machine.
const SCRIPT = `
epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 -relaxed_command_check >/dev/null 2>&1 & epmd=$!
"$1/rabbitmq-server" >"$2/output" 2>&1 & server=$!
trap : TERM
echo $server
cat >/dev/null
kill -KILL $server $epmd 2>/dev/null
wait
rm -rf -- "$2"
`;

/** Starts the RabbitMQ that is installed, on free ports and with its data in a folder that goes when it ends. */
export async function startRabbitMQ(signal: AbortSignal): Promise<InstalledRabbitMQ> {
  const programs = [...FOLDERS, ...(process.env.PATH ?? '').split(delimiter)].find(hasServer);
  if (programs === undefined) {
    throw new Error('--broker rabbitmq: no rabbitmq-server is installed here; install it, or leave --broker out');
  }
  const folder = mkdtempSync(join(tmpdir(), 'tracehare-rabbitmq-'));
  const [port, epmdPort, distributionPort] = await freePorts();
  writeFileSync(join(folder, 'rabbitmq.conf'), `listeners.tcp.1 = 127.0.0.1:${port}\ndisk_free_limit.absolute = 1MB\n`);
  writeFileSync(join(folder, 'enabled_plugins'), '[].\n');
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'sh', programs, folder], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
    cwd: folder,
    env: { ...process.env, ...environment(folder, epmdPort, distributionPort) },
  });
  shell.stdin.on('error', () => {});
  const pid = Number(String((await once(shell.stdout, 'data'))[0]));
  const output = () => readFileSync(join(folder, 'output'), 'utf8').trim();
  const broker = {
    port,
    gone: () => (isRunning(pid) ? undefined : `RabbitMQ ended; it last said: ${output().split('\n').at(-1)}`),
    async stop() {
      shell.stdin.end();
      if (shell.exitCode === null)
        await Promise.race([once(shell, 'exit'), pause(STOP_PATIENCE_MS, undefined, { ref: false })]);
      await stop(shell, STOP_PATIENCE_MS);
    },
  };
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await answers(port))) {
    const why = broker.gone() ?? (Date.now() > deadline ? `it was not up in ${START_TIMEOUT_MS / 1000} s` : undefined);
    if (why !== undefined || signal.aborted) {
      await broker.stop();
      throw new Error(`--broker rabbitmq: ${why ?? 'interrupted'}`);
    }
    await pause(100);
  }
  return broker;
}

function environment(folder: string, epmdPort: number, distributionPort: number): Record<string, string> {
  return {
    HOME: folder,
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: 'tracehare-demo@localhost',
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'advanced.config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    // the script becomes the Erlang VM instead of watching over it
    RABBITMQ_ALLOW_INPUT: '1',
    RABBITMQ_SERVER_START_ARGS: '-noinput',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+sbwt none +sbwtdcpu none +sbwtdio none',
  };
}

function hasServer(folder: string): boolean {
  try {
    accessSync(join(folder, 'rabbitmq-server'), constants.X_OK);
    return folder !== '';
  } catch {
    return false;
  }
}

async function freePorts(): Promise<number[]> {
  const servers = Array.from({ length: 3 }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) server.close();
  return ports;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
