import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../cache.mjs';
import type { Client } from './client.ts';
import { must } from './commands.ts';

export const CACHE = cacheFolder('clients');

/** The folder with the client's source, ready to be tested; from the cache if it was ready before. */
export async function sourceOf(client: Client, clones?: string): Promise<string> {
  const folder = join(CACHE, `${client.name}-${client.version}`);
  const ready = `${folder}.ready`;
  if (client.source === 'none' || 'own' in client.source) rmSync(ready, { force: true }); // ours may have been edited
  if (existsSync(ready)) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  get(client, folder, clones);
  await client.prepare?.(folder);
  writeFileSync(ready, '');
  return folder;
}

function get({ name, version, source }: Client, folder: string, clones: string | undefined): void {
  if (source === 'none') {
    mkdirSync(folder);
  } else if ('own' in source) {
    cpSync(fileURLToPath(new URL(source.own, import.meta.url)), folder, { recursive: true });
  } else if ('pypi' in source) {
    const parts = `${folder}.parts`;
    rmSync(parts, { recursive: true, force: true });
    mkdirSync(parts);
    must('python3', ['-m', 'pip', 'download', '-q', '--no-deps', '--no-binary', ':all:', '-d', parts, source.pypi]);
    const [archive] = readdirSync(parts);
    must('tar', ['xzf', archive], { cwd: parts });
    renameSync(join(parts, archive.replace(/\.tar\.gz$/, '')), folder);
    rmSync(parts, { recursive: true });
  } else if ('go' in source) {
    const { Dir } = JSON.parse(must('go', ['mod', 'download', '-json', `${source.go}@${version}`]));
    // what Go keeps is read-only
    cpSync(Dir, folder, { recursive: true });
    must('chmod', ['-R', 'u+w', folder]);
  } else {
    const clone = clones && join(clones, name);
    const from = clone && existsSync(clone) ? clone : `https://github.com/${source.git}.git`;
    must('git', ['clone', '-q', '-c', 'advice.detachedHead=false', '--branch', source.tag, from, folder]);
  }
}
