import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isPath } from '../plugins/name.ts';
import type { Config } from './config.ts';
import { ConfigError } from './error.ts';
import { type ConfigFile, parseConfigFile, unreadable } from './file.ts';
import { fromFlags, fromVariables } from './given.ts';
import { merge } from './merge.ts';
import { nameOf, namesItself } from './own-address.ts';
import { isGiven, problemAt, problemsOf, type Sources } from './problems.ts';
import { ReadFiles } from './read-files.ts';
import { type Checked, schema } from './schema.ts';
import { configFile, settings } from './settings.ts';
import { tlsProblems } from './tls-files.ts';
import { deepFreeze, get } from './tree.ts';
import { tokenPattern } from './values.ts';

export { ConfigError } from './error.ts';

export interface LoadOptions {
  /** flags only, without the command */
  argv: readonly string[];
  env: Record<string, string | undefined>;
  /** also try every file that is named, and whether it is of use */
  check?: boolean;
  /** the configuration file, whatever flags and variables name */
  file?: string;
  /** is asked for every file, and so knows them afterwards */
  files?: ReadFiles;
}

/** A configuration and what it was made of. */
export interface Loaded {
  config: Config;
  /** by the schema's own keys */
  checked: Checked;
  /** content of admin.tokenFile */
  fileToken: string | undefined;
  /** of the configuration file, absolute; in it plugins are found from there */
  path: string | undefined;
}

/** As `load`, for those who need nothing else. */
export function loadConfig(options: LoadOptions): Config {
  return load(options).config;
}

/**
 * Flags beat variables beat the file beats defaults. The result is complete and deeply frozen.
 * Throws ConfigError with every problem there is, and nothing else.
 */
export function load({ argv, env, check = false, file: asked, files = new ReadFiles() }: LoadOptions): Loaded {
  const flags = fromFlags(argv);
  const variables = fromVariables(env);
  const path = asked ?? flags.file ?? variables.file;
  const from = flags.file === undefined ? `${configFile.variable}: ` : `--${configFile.flag}: `;
  const file = path === undefined ? undefined : open(path, asked === undefined ? from : '', files);
  const { tree, origins } = merge(file?.content, [variables.given, flags.given]);
  const sources: Sources = { file, origins };
  const checked = schema.safeParse(tree);
  // Syntax errors leave no content to check; what flags and variables say is checked nevertheless.
  const problems = [...(file?.problems ?? []), ...problemsOf(checked.error?.issues ?? [], sources), ...flags.problems];
  if (check) problems.push(...unreadableFiles(tree, sources, files));
  if (check && checked.success) {
    if (path !== undefined) problems.push(...missingPlugins(checked.data, path, sources));
    for (const { path: at, what } of tlsProblems(checked.data, files)) problems.push(problemAt(at, what, sources));
  }
  if (checked.success) problems.push(...ownUpstreams(checked.data, sources));
  const fileToken = readToken(tree, sources, problems, files);
  if (!checked.success || problems.length > 0) throw new ConfigError(problems);
  return {
    checked: checked.data,
    fileToken,
    path: path === undefined ? undefined : resolve(path),
    config: toConfig(checked.data, fileToken),
  };
}

const tokenFile = ['admin', 'tokenFile'];

function open(path: string, from: string, files: ReadFiles): ConfigFile {
  try {
    return parseConfigFile(path, files.text(path));
  } catch (error) {
    // Nothing else can be said before the file is there.
    throw new ConfigError([`${from}${path}: ${unreadable(error)}`]);
  }
}

function readToken(tree: unknown, sources: Sources, problems: string[], files: ReadFiles): string | undefined {
  const name = get(tree, tokenFile);
  if (typeof name !== 'string' || name === '') return undefined;
  try {
    const token = files.text(name).trim();
    if (tokenPattern.test(token)) return token;
    problems.push(
      problemAt(tokenFile, `${name}: expects one line of visible ASCII characters without spaces`, sources),
    );
  } catch (error) {
    problems.push(problemAt(tokenFile, `${name}: ${unreadable(error)}`, sources));
  }
  return undefined;
}

function unreadableFiles(tree: unknown, sources: Sources, files: ReadFiles): string[] {
  return settings.flatMap(({ isFile, path }) => {
    const named = isFile ? get(tree, path) : undefined;
    // The token's file was read already.
    if (typeof named !== 'string' || named === '' || path.join() === tokenFile.join()) return [];
    try {
      files.read(named);
      return [];
    } catch (error) {
      return problemAt(path, `${named}: ${unreadable(error)}`, sources);
    }
  });
}

/** Each connection would come back, and be dialled for, without end. Names can lead here too: that is seen at each dial. */
function ownUpstreams({ listen: { address }, upstream: { urls } }: Checked, sources: Sources): string[] {
  const own = urls.find(({ host, port }) => namesItself(address, host, port));
  if (own === undefined) return [];
  const upstream = ['upstream', 'urls'];
  // nobody named the upstream, so it is told where the port was
  if (isGiven(upstream, sources)) {
    const what = `${nameOf(own)} is where Tracehare itself listens (${nameOf(address)}); name the broker, or listen on another port`;
    return [problemAt(upstream, what, sources)];
  }
  const what = `${nameOf(address)} is where the broker is expected as long as no upstream is given (${nameOf(own)}); name the broker by --upstream, or listen on another port`;
  return [problemAt(['listen', 'address'], what, sources)];
}

/** Files only: to look into a package, or to import anything, would be to run code. */
function missingPlugins({ plugins }: Checked, path: string, sources: Sources): string[] {
  return plugins.flatMap(({ module }, index) => {
    if (!isPath(module) || existsSync(resolve(dirname(path), module))) return [];
    return problemAt(['plugins', index, 'module'], `${module}: no such file, as seen from ${path}`, sources);
  });
}

export function toConfig(checked: Checked, fileToken: string | undefined): Config {
  const { listen, upstream, admin, ...same } = checked;
  const token = fileToken ?? admin.token;
  const { tls } = listen;
  return deepFreeze({
    ...same,
    listen: { ...listen.address, ...(tls && { tls }) },
    upstream: { servers: upstream.urls, tls: upstream.tls, connectTimeout: upstream.connectTimeout },
    admin: {
      ...admin.address,
      ...(token !== undefined && { token }),
      ...(admin.hosts !== undefined && { hosts: admin.hosts }),
    },
  });
}
