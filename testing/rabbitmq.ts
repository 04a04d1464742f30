import { type ChildProcess, execFile } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { rabbitmqFolder } from '../scripts/provision.mjs';
import { type Certificates, makeCertificates } from './certificates.ts';
import { temporaryFolder } from './folder.ts';
import { ManagementApi } from './management.ts';
import { freePorts } from './ports.ts';
import { end, ended, signal, start } from './processes.ts';
import { until } from './wait.ts';

/** what a start may take; the hook in which most brokers start has a little longer */
const START_MS = 150_000;

export interface RabbitMQOptions {
  /** lines for rabbitmq.conf, e.g. `channel_max = 16` */
  config?: string[];
  /** listen for amqps too, with certificates of its own */
  tls?: boolean;
  /** plugins beside rabbitmq_management */
  plugins?: string[];
  /** the ports to listen on instead of free ones */
  ports?: { amqp: number; amqps: number; management: number };
  /** PEM files instead of certificates of its own, for what expects those */
  certificates?: { ca: string; cert: string; key: string };
}

export interface RabbitMQ {
  /** amqp on 127.0.0.1; the same after a restart */
  port: number;
  /** amqps, 0 without `tls` */
  tlsPort: number;
  certificates: Certificates | undefined;
  /** HTTP API, as guest */
  management: ManagementApi;
  /** process id of the Erlang VM */
  pid(): number;
  /** the program and environment with which rabbitmqctl speaks to this broker */
  control: { program: string; env: NodeJS.ProcessEnv };
  /** Runs rabbitmqctl against this broker; resolves with its standard output. About 0.5 s. */
  ctl(...args: string[]): Promise<string>;
  /** Kills the broker and keeps its data and ports; SIGTERM: resolves once it has shut down. */
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Starts it again after `kill`, ready when resolved. */
  restart(): Promise<void>;
  /** Kills it and removes its folder. */
  stop(): Promise<void>;
  log(): string;
  /** what it has logged since its first start, from warnings on */
  warnings(): string;
}

/**
 * Starts a RabbitMQ of our own on free ports, with its data in a private folder, and waits until
 * it accepts connections. Users: guest/guest, from anywhere. It is the installed one, or that of the folder of
 * programs which BROKER_PROGRAMS names (scripts/test-rabbitmq4.mjs).
 */
export async function startRabbitMQ(options: RabbitMQOptions = {}): Promise<RabbitMQ> {
  const programs = process.env.BROKER_PROGRAMS ?? rabbitmqFolder();
  if (programs === undefined) throw new Error('no rabbitmq-server found: run `node scripts/provision.mjs rabbitmq`');
  const folder = temporaryFolder('rabbitmq');
  const [freePort, freeTlsPort, freeManagementPort, epmdPort, distributionPort] = await freePorts(5);
  const port = options.ports?.amqp ?? freePort;
  const tlsPort = options.ports?.amqps ?? freeTlsPort;
  const managementPort = options.ports?.management ?? freeManagementPort;
  const certificates = options.tls ? makeCertificates(folder.path) : undefined;
  const config = [
    `listeners.tcp.1 = 127.0.0.1:${port}`,
    `management.tcp.ip = 127.0.0.1`,
    `management.tcp.port = ${managementPort}`,
    'loopback_users = none',
    'log.file.level = warning',
    // The machine may be small or busy: only tests may raise an alarm.
    'vm_memory_high_watermark.absolute = 64GB',
    'disk_free_limit.absolute = 1MB',
    ...(certificates
      ? tlsConfig(tlsPort, options.certificates ?? { ca: certificates.ca, ...certificates.server })
      : []),
    ...(options.config ?? []),
  ];
  const inFolder = (name: string) => join(folder.path, name);
  mkdirSync(inFolder('mnesia'));
  writeFileSync(inFolder('rabbitmq.conf'), `${config.join('\n')}\n`);
  writeFileSync(inFolder('enabled_plugins'), `[${['rabbitmq_management', ...(options.plugins ?? [])].join(',')}].\n`);
  writeFileSync(inFolder('.erlang.cookie'), 'tracehare', { mode: 0o400 });
  const env = {
    ...withoutRabbitmqVariables(process.env),
    HOME: folder.path,
    // An epmd of its own: brokers know nothing of each other, nor of one that runs on the machine.
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: 'rabbit@localhost',
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: inFolder('mnesia'),
    RABBITMQ_LOG_BASE: inFolder('log'),
    RABBITMQ_CONFIG_FILE: inFolder('rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_ADVANCED_CONFIG_FILE: inFolder('advanced.config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: inFolder('enabled_plugins'),
    RABBITMQ_PID_FILE: inFolder('pid'),
    // The script becomes the Erlang VM instead of watching over it: signals go where they should.
    RABBITMQ_ALLOW_INPUT: '1',
    RABBITMQ_SERVER_START_ARGS: '-noinput',
    // Schedulers that spin for work would take the cores from everything else.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+sbwt none +sbwtdcpu none +sbwtdio none',
  };

  let epmd: ChildProcess;
  let broker: ChildProcess;
  async function boot(): Promise<void> {
    const output = openSync(inFolder('output'), 'w');
    epmd = start('epmd', ['-port', String(epmdPort), '-address', '127.0.0.1', '-relaxed_command_check'], {
      env,
      stdio: 'ignore',
    });
    broker = start(join(programs as string, 'rabbitmq-server'), [], {
      cwd: folder.path,
      env,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    await until(
      () => ended(broker) || log().includes('Starting broker... completed'),
      () => `RabbitMQ is up:\n${log()}`,
      START_MS,
    );
    if (ended(broker)) throw new Error(`RabbitMQ did not start:\n${log()}`);
  }
  async function kill(name: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    signal(broker, name);
    await end(broker);
    signal(epmd, 'SIGKILL');
    await end(epmd);
  }
  const log = () => readFileSync(inFolder('output'), 'utf8');
  const control = { program: join(programs, 'rabbitmqctl'), env };

  await boot().catch(async (error) => {
    await kill();
    folder.remove();
    throw error;
  });
  return {
    port,
    tlsPort: certificates ? tlsPort : 0,
    certificates,
    management: new ManagementApi(managementPort),
    pid: () => broker.pid as number,
    control,
    async ctl(...args) {
      const { stdout } = await promisify(execFile)(control.program, ['-q', ...args], {
        cwd: folder.path,
        env,
      });
      return stdout;
    },
    kill,
    restart: boot,
    async stop() {
      await kill();
      folder.remove();
    },
    log,
    warnings: () => readFileSync(join(inFolder('log'), 'rabbit@localhost.log'), 'utf8'),
  };
}

function tlsConfig(port: number, { ca, cert, key }: { ca: string; cert: string; key: string }): string[] {
  return [
    `listeners.ssl.1 = 127.0.0.1:${port}`,
    `ssl_options.cacertfile = ${ca}`,
    `ssl_options.certfile = ${cert}`,
    `ssl_options.keyfile = ${key}`,
    'ssl_options.verify = verify_peer',
    'ssl_options.fail_if_no_peer_cert = false',
  ];
}

/** The machine's own broker may be configured by these. */
function withoutRabbitmqVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('RABBITMQ_')));
}
