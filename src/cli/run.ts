import process from 'node:process';
import type { Worker } from 'node:worker_threads';
import type { RunningApp } from '../app/app.ts';
import type { Logger, LogStream } from '../app/log.ts';
import { misspelt } from '../config/given.ts';
import { ConfigError, type Loaded, load } from '../config/load.ts';
import { nameOf } from '../config/own-address.ts';
import { ReadFiles } from '../config/read-files.ts';
import { version } from '../version.ts';
import { isSettingWrong, startError } from './start-error.ts';

/** `tracehare [run]`: until a signal ends it. Exit 0 after a drain, 1 on failure, 2 on wrong flags or configuration. */
export async function run(argv: string[], traffic: Worker): Promise<void> {
  const files = new ReadFiles();
  const loaded = configure(argv, files);
  if (loaded === undefined) return;
  const { config } = loaded;
  const { createLog } = await import('../app/log.ts');
  const log = createLog(config.log.level, process.stderr.isTTY ? await forTerminal() : undefined);
  for (const warning of misspelt(process.env)) log.warn(warning);
  process.on('uncaughtException', (error) => fail(log, error, 'uncaught exception'));

  const { start } = await import('../app/app.ts');
  const again = (files: ReadFiles) => load({ argv, env: process.env, check: true, files });
  const starting = start({ loaded, files, traffic, load: again, log });
  obey(starting, log);
  try {
    log.info(startLine(loaded, await starting), 'listening');
  } catch (error) {
    log.debug({ err: error }, 'could not start');
    process.stderr.write(`tracehare: ${startError(error, config)}\n`);
    process.exit(isSettingWrong(error) ? 2 : 1);
  }
}

async function forTerminal(): Promise<LogStream> {
  const { terminalLog } = await import('../app/terminal-log.ts');
  return terminalLog();
}

/** All that decides what this sidecar does, in one line. */
function startLine({ config, path }: Loaded, { listen, admin, spans, metrics, logs, scheduling }: RunningApp) {
  return {
    version,
    listen: config.listen.tls === undefined ? listen : `amqps://${listen}`,
    upstream: config.upstream.servers.map((server) => `${server.tls ? 'amqps' : 'amqp'}://${nameOf(server)}`).join(','),
    loss: config.loss.mode,
    config: path ?? 'none',
    spans,
    metrics: [`http://${admin}/metrics`, metrics].filter((place) => place !== '').join(', '),
    ...(logs && { logs }),
    admin,
    scheduling,
    ...(config.bypass && { bypass: true }),
    ...(config.faults.enabled && { faults: 'enabled' }),
  };
}

function configure(argv: string[], files: ReadFiles): Loaded | undefined {
  try {
    return load({ argv, env: process.env, check: true, files });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) process.stderr.write(`tracehare: ${problem}\n`);
    process.exitCode = 2;
    return undefined;
  }
}

/** Signals that come while it starts are obeyed once it has; a failed start is told by who awaits it. */
function obey(starting: Promise<RunningApp>, log: Logger): void {
  let ending = false;
  const end = (signal: 'SIGINT' | 'SIGTERM') => {
    if (ending) process.exit(signal === 'SIGINT' ? 130 : 143);
    ending = true;
    log.info({ signal }, 'draining');
    starting
      .then((app) =>
        app.drain().then(
          () => process.exit(0),
          (error) => fail(log, error, 'drain failed'),
        ),
      )
      .catch(() => {});
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  process.on('SIGHUP', () => {
    starting.then(
      (app) => app.reload(),
      () => {},
    );
  });
  process.on('SIGUSR2', () => {
    starting.then(
      (app) => {
        app.bypass();
        log.warn('bypass: new connections are plain pipes from now on');
      },
      () => {},
    );
  });
}

function fail(log: Logger, error: unknown, message: string): never {
  log.fatal({ err: error }, message);
  process.exit(1);
}
