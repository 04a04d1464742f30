import process from 'node:process';
import { buffer } from 'node:stream/consumers';
import { ConfigError, loadConfig } from '../config/load.ts';
import { shown } from '../config/nearest.ts';
import { ReadFiles } from '../config/read-files.ts';
import { UsageError } from './arguments.ts';
import type { Arguments } from './command.ts';

/** What problems on standard input are told by. */
const STDIN = 'stdin';

/**
 * `tracehare check FILE…`: each file alone, without the flags and variables of this shell. Exit 0 and `FILE: ok` for
 * each, or 1 with a line for each error.
 */
export async function run({ words: files }: Arguments): Promise<void> {
  if (files.length === 0) throw new UsageError('check needs a file: tracehare check FILE, or - for standard input');
  const twice = files.find((file, index) => files.indexOf(file) !== index);
  if (twice !== undefined) throw new UsageError(`\`${shown(twice)}\` is given twice`);
  for (const file of files) await checkOne(file);
}

async function checkOne(given: string): Promise<void> {
  const file = given === '-' ? STDIN : given;
  const files = given === '-' ? ReadFiles.holding(STDIN, await buffer(process.stdin)) : new ReadFiles();
  try {
    loadConfig({ argv: [], env: {}, check: true, file, files });
    process.stdout.write(`${file}: ok\n`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) process.stderr.write(`${problem}\n`);
    process.exitCode = 1;
  }
}
