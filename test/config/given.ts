import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { ConfigError, loadConfig } from '../../src/config/load.ts';
import { temporaryFolder } from '../../testing/folder.ts';

export interface Sources {
  /** text of the YAML file */
  yaml?: string;
  argv?: string[];
  env?: Record<string, string>;
}

const folder = temporaryFolder('config');
afterAll(() => folder.remove());
const file = join(folder.path, 'tracehare.yaml');

/** Writes a file beside the configuration; its path. */
export function beside(name: string, text: string): string {
  const path = join(folder.path, name);
  writeFileSync(path, text);
  return path;
}

export function load({ yaml, argv = [], env = {} }: Sources): Config {
  if (yaml !== undefined) writeFileSync(file, yaml);
  return loadConfig({ argv: yaml === undefined ? argv : ['--config', file, ...argv], env });
}

/** What is wrong with it, the file named `file`; none when it loads. */
export function problems(sources: Sources): string[] {
  try {
    load(sources);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => problem.replaceAll(file, 'file'));
  }
}
