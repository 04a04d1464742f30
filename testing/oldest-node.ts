import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/**
 * Path of the oldest Node that package.json says will do. It comes from the package registry, once: the package that
 * has the binary and nothing else, in ~/.cache/tracehare (a minute at most, 120 MB; it may be deleted).
 */
export function oldestNode(): string {
  const [, major, minor = '0', patch = '0'] = /^>=(\d+)(?:\.(\d+))?(?:\.(\d+))?$/.exec(engines.node) ?? [];
  if (major === undefined) throw new Error(`engines in package.json: ${engines.node} names no oldest Node`);
  const name = `node-${process.platform}-${process.arch}`;
  const version = `${major}.${minor}.${patch}`;
  const cache = join(homedir(), '.cache', 'tracehare');
  const folder = join(cache, `${name}-${version}`);
  const node = join(folder, 'node_modules', name, 'bin', 'node');
  if (existsSync(node)) return node;
  // whole or not at all, whoever else fetches it
  const fetched = join(cache, `${name}-${version}-${process.pid}`);
  mkdirSync(fetched, { recursive: true });
  const args = ['install', '--prefix', fetched, '--no-audit', '--no-fund', '--ignore-scripts', `${name}@${version}`];
  const { status, stderr } = spawnSync('npm', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${name}@${version} could not be installed: ${stderr}`);
  try {
    renameSync(fetched, folder);
  } catch (error) {
    rmSync(fetched, { recursive: true, force: true });
    if (!existsSync(node)) throw error;
  }
  return node;
}
