import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { ReadFiles } from './read-files.ts';
import type { Checked } from './schema.ts';

export interface TlsFiles {
  cert?: string;
  key?: string;
  ca?: string;
}

export interface TlsProblem {
  path: string[];
  what: string;
}

/** What keeps the files of `listen.tls` and `upstream.tls` from being used. Files that can't be read are told elsewhere. */
export function tlsProblems({ listen, upstream }: Checked, files: ReadFiles): TlsProblem[] {
  return [
    ...problemsOf(['listen', 'tls'], listen.tls ?? {}, files),
    ...problemsOf(['upstream', 'tls'], upstream.tls, files),
  ];
}

/** Of one certificate, its key and those it trusts. */
export function problemsOf(section: string[], { cert, key, ca }: TlsFiles, files: ReadFiles): TlsProblem[] {
  const given = { cert: content(cert, files), key: content(key, files), ca: content(ca, files) };
  const found: TlsProblem[] = [];
  const tell = (name: keyof TlsFiles, what: string) =>
    found.push({ path: [...section, name], what: `${{ cert, key, ca }[name]}: ${what}` });
  if (given.cert !== undefined && !accepts({ cert: given.cert })) tell('cert', 'holds no certificate in PEM form');
  if (given.key !== undefined && !accepts({ key: given.key }))
    tell('key', 'holds no private key in PEM form, or one with a passphrase');
  // Node would trust nobody without a word
  if (given.ca !== undefined && !accepts({ cert: given.ca })) tell('ca', 'holds no certificate in PEM form');
  if (found.length > 0 || given.cert === undefined || given.key === undefined) return found;
  if (!accepts({ cert: given.cert, key: given.key })) tell('key', `does not belong to the certificate in ${cert}`);
  return found;
}

function content(path: string | undefined, files: ReadFiles): Buffer | undefined {
  try {
    return path === undefined ? undefined : files.read(path);
  } catch {
    return undefined;
  }
}

function accepts(options: SecureContextOptions): boolean {
  try {
    createSecureContext(options);
    return true;
  } catch {
    return false;
  }
}
