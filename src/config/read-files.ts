import { readFileSync } from 'node:fs';

const isOutOfDescriptors = (found: Buffer | NodeJS.ErrnoException): boolean =>
  found instanceof Error && (found.code === 'EMFILE' || found.code === 'ENFILE');

/**
 * Files as they were at one moment: each is read once, however often it is asked for, so that all
 * that is made of them fits together.
 */
export class ReadFiles {
  readonly #found = new Map<string, Buffer | NodeJS.ErrnoException>();

  static of(paths: Iterable<string>): ReadFiles {
    const files = new ReadFiles();
    for (const path of paths) files.#find(path);
    return files;
  }

  /** With one that was read already, such as what came by standard input. */
  static holding(path: string, content: Buffer): ReadFiles {
    const files = new ReadFiles();
    files.#found.set(path, content);
    return files;
  }

  /** Throws the system's error, which names the file. */
  read(path: string): Buffer {
    const found = this.#find(path);
    if (found instanceof Error) throw found;
    return found;
  }

  text(path: string): string {
    return this.read(path).toString('utf8');
  }

  get paths(): string[] {
    return [...this.#found.keys()];
  }

  /** Whether a file has the same content in both, or can't be read for the same reason. */
  agree(path: string, other: ReadFiles): boolean {
    const [ours, theirs] = [this.#found.get(path), other.#found.get(path)];
    if (ours instanceof Error || theirs instanceof Error) {
      return ours instanceof Error && theirs instanceof Error && ours.code === theirs.code;
    }
    return ours === undefined || theirs === undefined ? ours === theirs : ours.equals(theirs);
  }

  /** Nothing can be said of a file: no descriptor was left to read it with. */
  get isUncertain(): boolean {
    return [...this.#found.values()].some(isOutOfDescriptors);
  }

  /** The same files with the same content. */
  equals(other: ReadFiles): boolean {
    return this.#found.size === other.#found.size && this.paths.every((path) => this.agree(path, other));
  }

  /** These, and of `others` those that are not among them. */
  with(others: ReadFiles): ReadFiles {
    const both = new ReadFiles();
    for (const [path, found] of [...others.#found, ...this.#found]) {
      if (!both.#found.has(path) || !isOutOfDescriptors(found)) both.#found.set(path, found);
    }
    return both;
  }

  #find(path: string): Buffer | NodeJS.ErrnoException {
    let found = this.#found.get(path);
    if (found === undefined) {
      try {
        found = readFileSync(path);
      } catch (error) {
        found = error as NodeJS.ErrnoException;
      }
      this.#found.set(path, found);
    }
    return found;
  }
}
