import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client, Way } from './client.ts';
import { type Comparison, count } from './comparison.ts';
import { RUNS, type Run } from './runs.ts';

const { version: TRACEHARE } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** A comparison as it is kept on this machine, so that the table has what was run on other days and in other modes too. */
export interface Kept {
  version: string;
  tracehare: string;
  /** as in 2026-11-30 */
  day: string;
  direct: { passed: number; failed: number };
  comparison: Comparison;
}

export function keep(client: Client, direct: Run, comparison: Comparison): void {
  const kept: Kept = {
    version: client.version,
    tracehare: TRACEHARE,
    day: new Date().toISOString().slice(0, 10),
    direct: { passed: count(direct.results, 'passed'), failed: count(direct.results, 'failed') },
    comparison,
  };
  writeFileSync(fileOf(client, comparison.way), JSON.stringify(kept));
}

/** The last comparison in this mode of the client's version that is tested now. */
export function kept(client: Client, way: Way): Kept | undefined {
  const file = fileOf(client, way);
  if (!existsSync(file)) return undefined;
  const kept = JSON.parse(readFileSync(file, 'utf8')) as Kept;
  return kept.version === client.version ? kept : undefined;
}

function fileOf(client: Client, way: Way): string {
  return join(RUNS, `${client.name}-${way}.compared.json`);
}
