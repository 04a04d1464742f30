import { type FSWatcher, lstatSync, realpathSync, watch } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Several events tell of one change; and who writes without renaming shall have finished. */
const SETTLE_MS = 100;
/** For file systems that tell nothing (network shares), and links whose far ends moved. */
const POLL_MS = 10_000;

/**
 * Says when files may have changed. It watches the directories they are in and those of the links
 * that lead there, not the files: an editor's rename and the swap of `..data` in a mounted
 * ConfigMap or Secret replace what the name stands for.
 */
export class FileWatch {
  readonly #changed: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #polling: NodeJS.Timeout;
  #telling: NodeJS.Timeout | undefined;

  /** `changed` may be called though nothing has. */
  constructor(changed: () => void, pollMs = POLL_MS) {
    this.#changed = changed;
    this.#polling = setInterval(changed, pollMs).unref();
  }

  /** These from now on. Call it again when links may lead elsewhere. */
  watch(paths: Iterable<string>): void {
    const wanted = new Set([...paths].flatMap(directories));
    for (const [directory, watcher] of this.#watchers) {
      if (wanted.has(directory)) continue;
      watcher.close();
      this.#watchers.delete(directory);
    }
    for (const directory of wanted) if (!this.#watchers.has(directory)) this.#open(directory);
  }

  close(): void {
    clearInterval(this.#polling);
    clearTimeout(this.#telling);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #open(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#event());
      // e.g. the directory is gone, or no more watches are to be had: the poll goes on
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.delete(directory);
      });
      this.#watchers.set(directory, watcher);
    } catch {
      // tried again with the next `watch`
    }
  }

  #event(): void {
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      this.#changed();
    }, SETTLE_MS).unref();
  }
}

/** Real paths of the directories in which something can change what `path` leads to. */
function directories(path: string): string[] {
  const found = [dirname(resolve(path))];
  for (let at = resolve(path); dirname(at) !== at; at = dirname(at)) if (isLink(at)) found.push(dirname(at));
  found.push(dirname(real(resolve(path))));
  return found.map(real);
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

/** As it is if it leads nowhere. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
