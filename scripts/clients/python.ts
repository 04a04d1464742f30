import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Reachable, Results } from './client.ts';
import { must, suite } from './commands.ts';
import { readJunit } from './reading.ts';

/** A Python of its own in the folder of the source, with these packages. */
export function virtualEnvironment(folder: string, packages: string[]): void {
  must('python3', ['-m', 'venv', join(folder, '.venv')]);
  must(python(folder), ['-m', 'pip', 'install', '-q', ...packages], { cwd: folder });
}

export function python(folder: string): string {
  return join(folder, '.venv/bin/python');
}

/** pytest, in these files or, if only some tests are asked for, those of them whose functions are called so. */
export async function pytest(
  folder: string,
  broker: Reachable,
  args: string[],
  only: string[] | undefined,
  env: Record<string, string> = {},
): Promise<Results> {
  const report = join(broker.scratch, 'report.xml');
  const wanted = only ? ['-k', [...new Set(only.map(chosen))].join(' or ')] : [];
  await suite(
    broker,
    python(folder),
    ['-m', 'pytest', '-p', 'no:cacheprovider', `--junitxml=${report}`, ...wanted, ...args],
    { cwd: folder, env: { PATH: `${join(folder, '.venv/bin')}:${process.env.PATH}`, ...env } },
  );
  if (!existsSync(report)) return {};
  return readJunit(report);
}

/** pytest's expression for a test: its function, and its class where it has one. */
function chosen(test: string): string {
  const [group, name = ''] = test.split(' › ');
  const last = group.split('.').at(-1) ?? '';
  const inner = /^\w+/.exec(name)?.[0] ?? name;
  return /^[A-Z]/.test(last) ? `(${last} and ${inner})` : inner;
}
