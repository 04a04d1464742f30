import process from 'node:process';
import { createLog } from '../app/log.ts';
import { shown } from '../config/nearest.ts';
import { address, upstreams } from '../config/values.ts';
import { ServingCertificate } from '../inject/certificate.ts';
import { startInjector } from '../inject/server.ts';
import { version } from '../version.ts';
import { CommandError, UsageError } from './arguments.ts';
import type { Arguments } from './command.ts';
import { listenProblem } from './start-error.ts';

const LISTEN = ':9443';

/** `tracehare inject`: until a signal ends it. */
export async function run({ options, lists, words }: Arguments): Promise<void> {
  if (words.length > 0) throw new UsageError(`inject takes no \`${shown(words[0])}\`; tracehare inject --help`);
  const [cert, key, image] = ['cert', 'key', 'image'].map((name) => needed(name, options[name]));
  const { listen = LISTEN, upstream } = options as Record<string, string | undefined>;
  if (upstream !== undefined) checked('upstream', upstreams.safeParse(upstream));
  const { host, port } = checked('listen', address.safeParse(listen));
  const log = createLog('info');
  const injector = await startInjector({
    host,
    port,
    certificate: certificateOf({ cert, key }),
    settings: {
      image,
      env: (lists.env ?? []).map(variable),
      scrapeAnnotations: options['scrape-annotations'] === true,
      ...(upstream !== undefined && { upstream }),
    },
    log,
  }).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(`--listen ${listen}: ${listenProblem(error)}`, 2);
  });
  log.info({ version, listen: injector.address, image, ...(upstream && { upstream }) }, 'injecting');
  let ending = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (ending) process.exit(1);
      ending = true;
      void injector.close().then(() => process.exit(0));
    });
}

function needed(name: string, value: string | true | undefined): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new UsageError(`inject needs --${name}; tracehare inject --help`);
}

function checked<T>(
  name: string,
  found: { success: true; data: T } | { success: false; error: { issues: { message: string }[] } },
): T {
  if (found.success) return found.data;
  throw new UsageError(`--${name}: ${found.error.issues[0].message}`);
}

function certificateOf(paths: { cert: string; key: string }): ServingCertificate {
  try {
    return new ServingCertificate(paths);
  } catch (error) {
    throw new CommandError((error as Error).message, 2);
  }
}

function variable(text: string): [name: string, value: string] {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw new UsageError('--env: expects NAME=VALUE');
  return [name, value];
}
