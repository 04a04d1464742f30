import { setTimeout as sleep } from 'node:timers/promises';
import { changes } from '../config/changes.ts';
import { ConfigError, type Loaded } from '../config/load.ts';
import { ReadFiles } from '../config/read-files.ts';
import { FileWatch } from '../config/watch.ts';
import type { AppLog } from './log.ts';

/** A file that is being written is left to settle for so long. */
const SETTLE_MS = 100;

export interface ReloadOptions {
  /** what runs, and the files it was made of */
  running: Loaded;
  files: ReadFiles;
  /** Reads it all again, files through `files`. Throws ConfigError. */
  load(files: ReadFiles): Loaded;
  /** Puts it in force, all of it or, if it rejects, nothing. */
  apply(loaded: Loaded, files: ReadFiles): Promise<void>;
  log: AppLog;
}

/**
 * Keeps the configuration that runs: reads it again when asked or when a file it was made of has
 * another content, and puts what is valid in force as a whole. What is not valid changes nothing.
 */
export class Reloader {
  readonly counts = { success: 0, failure: 0 };
  /** as of the latest attempt; the start was one */
  succeeded = true;
  /** seconds since the epoch */
  succeededAt = Date.now() / 1000;
  readonly #options: ReloadOptions;
  readonly #watch: FileWatch;
  #running: Loaded;
  /** of what runs */
  #files: ReadFiles;
  /** as last read, also by an attempt that failed: not read again until they differ */
  #seen: ReadFiles;
  #working: Promise<void> = Promise.resolve();
  #checking = false;
  /** the latest attempt found no descriptor to read a file with: it is made up for */
  #unread = false;

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#running = options.running;
    this.#files = this.#seen = options.files;
    this.#watch = new FileWatch(() => void this.#check());
    this.#watch.watch(this.#seen.paths);
  }

  /** One at a time, in order. Never rejects. */
  reload(): Promise<void> {
    this.#working = this.#working.then(() => this.#reload());
    return this.#working;
  }

  /** Puts what runs in force again: what lies over it has changed. Rejects when that can't be done. */
  again(): Promise<void> {
    const done = this.#working.then(() => this.#options.apply(this.#running, this.#files));
    this.#working = done.catch(() => {});
    return done;
  }

  /** Reads nothing any more. */
  async close(): Promise<void> {
    this.#watch.close();
    await this.#working;
  }

  /** Reloads if a file has another content than was last read, once it stays the same. */
  async #check(): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    this.#watch.watch(this.#seen.paths);
    for (;;) {
      const first = ReadFiles.of(this.#seen.paths);
      // looked at again with the next change or poll
      if (first.isUncertain || (first.equals(this.#seen) && !this.#unread)) break;
      await sleep(SETTLE_MS);
      await this.#working;
      const second = ReadFiles.of(this.#seen.paths);
      if (this.#unread && !second.isUncertain) await this.reload();
      else if (second.equals(first) && !second.equals(this.#seen)) await this.reload();
    }
    this.#checking = false;
  }

  async #reload(): Promise<void> {
    const { load, apply, log } = this.#options;
    const files = new ReadFiles();
    try {
      const { loaded, applied, restart } = changes(this.#running, load(files), this.#files, files);
      await apply(loaded, files);
      this.#running = loaded;
      this.#files = this.#seen = files;
      this.#unread = false;
      this.counts.success++;
      this.succeeded = true;
      this.succeededAt = Date.now() / 1000;
      log.info({ changed: applied }, 'configuration reloaded');
      if (restart.length > 0) log.warn({ settings: restart }, 'changed settings that only a restart applies');
    } catch (error) {
      this.#seen = files.with(this.#seen);
      this.#unread = files.isUncertain;
      this.counts.failure++;
      this.succeeded = false;
      const problems = error instanceof ConfigError ? error.problems : [(error as Error).message];
      log.error({ problems }, 'configuration not reloaded, the last good one stays');
    }
    this.#watch.watch(this.#seen.paths);
  }
}
