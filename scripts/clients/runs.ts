import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client, Counted, Results, Way } from './client.ts';
import { CACHE } from './sources.ts';

/** What came of a client's tests on one way. */
export interface Run {
  /** of the client */
  version: string;
  results: Results;
  seconds: number;
  /** undefined: none was in between */
  sidecar: (Counted & { troubles: string[] }) | undefined;
}

export const RUNS = join(CACHE, 'runs');
const ISOLATED = fileURLToPath(new URL('isolated.ts', import.meta.url));

/** Runs the tests, or only some, in a process with a network of its own. */
export async function run(client: Client, way: Way, folder: string, only?: string[]): Promise<Run> {
  mkdirSync(RUNS, { recursive: true });
  const label = `${client.name}-${way}${only ? '-alone' : ''}`;
  const [out, log, onlyFile] = ['json', 'log', 'only.json'].map((ending) => join(RUNS, `${label}.${ending}`));
  for (const file of [out, log]) rmSync(file, { force: true });
  if (only) writeFileSync(onlyFile, JSON.stringify(only));
  // who is not root is it in a user namespace
  const unshare = process.getuid?.() === 0 ? ['-n'] : ['-r', '-n'];
  const args = [...unshare, process.execPath, ISOLATED, client.name, way, folder, out, log];
  const child = spawn('unshare', only ? [...args, onlyFile] : args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0 || !existsSync(out)) throw new Error(`${client.name} ${way} could not be run (${code}); see ${log}`);
  return JSON.parse(readFileSync(out, 'utf8'));
}

/** The run of all tests of this version of the client without a sidecar, if there was one. */
export function keptDirect(client: Client): Run | undefined {
  const file = join(RUNS, `${client.name}-direct.json`);
  if (!existsSync(file)) return undefined;
  const kept = JSON.parse(readFileSync(file, 'utf8')) as Run;
  return kept.version === client.version ? kept : undefined;
}
