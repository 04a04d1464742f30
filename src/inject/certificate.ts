import { X509Certificate } from 'node:crypto';
import { ReadFiles } from '../config/read-files.ts';
import { problemsOf } from '../config/tls-files.ts';

export interface KeyPair {
  cert: Buffer;
  key: Buffer;
}

/** The files of a certificate and its key, as they were when they last fitted together. */
export class ServingCertificate {
  readonly #paths: { cert: string; key: string };
  #files: ReadFiles;
  #pair: KeyPair;
  #ends: number;

  /** Throws an Error of one line when they can't be used. */
  constructor(paths: { cert: string; key: string }) {
    this.#paths = paths;
    this.#files = ReadFiles.of(Object.values(paths));
    this.#pair = this.#read(this.#files);
    this.#ends = endOf(this.#pair);
  }

  get pair(): KeyPair {
    return this.#pair;
  }

  get paths(): string[] {
    return Object.values(this.#paths);
  }

  /**
   * Reads them again.
   *
   * @returns whether they changed
   * @throws an Error of one line when they can't be used: what was read before stays
   */
  readAgain(): boolean {
    const files = ReadFiles.of(this.paths);
    if (files.equals(this.#files)) return false;
    this.#files = files;
    this.#pair = this.#read(files);
    this.#ends = endOf(this.#pair);
    return true;
  }

  /** Why no API server would take it now; undefined when it would. */
  problem(now = Date.now()): string | undefined {
    return now < this.#ends ? undefined : `the certificate in ${this.#paths.cert} has expired; renew the file`;
  }

  #read(files: ReadFiles): KeyPair {
    for (const [flag, path] of Object.entries(this.#paths)) {
      try {
        files.read(path);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        throw new Error(`--${flag} ${path}: ${code === 'ENOENT' ? 'no such file' : message}`);
      }
    }
    const [problem] = problemsOf([], this.#paths, files);
    if (problem !== undefined) throw new Error(`--${problem.path[0]} ${problem.what}`);
    return { cert: files.read(this.#paths.cert), key: files.read(this.#paths.key) };
  }
}

const endOf = ({ cert }: KeyPair): number => new X509Certificate(cert).validToDate.getTime();
