import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, must } from '../commands.ts';
import type { Engine } from '../engine.ts';

/** Says of an image that it was made here, and from which recipe. */
export const LABEL = 'tracehare.stand-in';

/** An image of our own under the name of one that no registry brings. */
export interface StandIn {
  /** for whoever reads what was proven */
  what: string;
  /** changes with the recipe */
  key: string;
  make(engine: Engine, name: string): Promise<void>;
}

/** Made by a Dockerfile, of what `files` puts into the folder. */
export function built(what: string, dockerfile: string, files: (folder: string) => Promise<void>): StandIn {
  const key = keyOf(what, dockerfile, String(files));
  return {
    what,
    key,
    make: (engine, name) =>
      withFolder(async (folder) => {
        await files(folder);
        writeFileSync(join(folder, 'Dockerfile'), dockerfile);
        // the host's network: packages come from wherever this machine gets them
        await engine.run(['build', '-q', '--network=host', '--label', `${LABEL}=${key}`, '-t', name, folder]);
      }),
  };
}

/** Made of a root file system. */
export function imported(what: string, root: () => string | Promise<string>): StandIn {
  const key = keyOf(what);
  return {
    what,
    key,
    make: (engine, name) =>
      withFolder(async (folder) => {
        const archive = join(folder, 'root.tar');
        const empty = ['proc', 'sys', 'dev', 'tmp', 'var/lib/rabbitmq', 'var/log/rabbitmq'];
        const without = [...empty.map((each) => `./${each}/*`), './erl_crash.dump'].map((each) => `--exclude=${each}`);
        await must('tar', ['--one-file-system', ...without, '-cf', archive, '-C', await root(), '.']);
        await engine.run(['import', '--change', `LABEL ${LABEL}=${key}`, archive, name]);
      }),
  };
}

const keyOf = (...parts: string[]) => createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 16);

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'image-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
