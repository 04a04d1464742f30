import process from 'node:process';
import { unknownFlag } from '../config/given.ts';
import { ConfigError, loadConfig } from '../config/load.ts';

/**
 * `tracehare check FILE`: the file alone, without the flags and variables of this shell.
 * Exit 0 and `FILE: ok`, or 1 with a line for each error; 2 when it is called wrongly.
 */
export function check(argv: string[]): void {
  const flag = argv.find((argument) => argument.startsWith('-'));
  if (flag !== undefined || argv.length !== 1) {
    const wrong = flag === undefined ? 'check needs one file: tracehare check FILE' : unknownFlag(flag.split('=')[0]);
    process.stderr.write(`tracehare: ${wrong}\n`);
    process.exitCode = 2;
    return;
  }
  const [file] = argv;
  try {
    loadConfig({ argv: [`--config=${file}`], env: {}, check: true });
    process.stdout.write(`${file}: ok\n`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) process.stderr.write(`${problem}\n`);
    process.exitCode = 1;
  }
}
