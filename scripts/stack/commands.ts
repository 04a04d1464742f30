import type { SpawnOptions } from 'node:child_process';
import { type Result, run } from '../../testing/processes.ts';
import { cacheFolder } from '../cache.mjs';
import { failure, withoutOurs } from '../clients/commands.ts';

/** What takes long to make is kept here, for the next run. */
export const CACHE = cacheFolder('stack');

type Options = Pick<SpawnOptions, 'cwd' | 'env'>;

/** Runs a command to its end, whatever that is. `env` is added to this process' own. */
export function ask(command: string, args: string[], { cwd, env }: Options = {}): Promise<Result> {
  return run(command, args, { env: { ...withoutOurs(process.env), ...env }, ...(cwd !== undefined && { cwd }) });
}

/** Runs a command, and rejects with the end of what it said if it fails. */
export async function must(command: string, args: string[], options: Options = {}): Promise<string> {
  const { code, stdout, stderr } = await ask(command, args, options);
  if (code !== 0) throw failure(command, args, code, `${stdout}\n${stderr}`);
  return stdout.toString();
}
