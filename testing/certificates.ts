import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface KeyPair {
  cert: string;
  key: string;
}

/** Paths of PEM files. */
export interface Certificates {
  ca: string;
  /** for localhost and 127.0.0.1 */
  server: KeyPair;
  client: KeyPair;
  /** as the server's, but ended as soon as it was made */
  expired: KeyPair;
  /** signed by nobody we know */
  stranger: KeyPair;
}

/** Makes a CA and what it signs, valid for a day, in `folder`. */
export function makeCertificates(folder: string): Certificates {
  const ca = selfSigned(folder, 'ca', '/CN=Tracehare test CA');
  return {
    ca: ca.cert,
    server: signed(folder, ca, 'server', '/CN=localhost', SERVER_NAMES),
    expired: signed(folder, ca, 'expired', '/CN=localhost', SERVER_NAMES, 0),
    client: signed(folder, ca, 'client', '/CN=test client', 'extendedKeyUsage=clientAuth'),
    stranger: selfSigned(folder, 'stranger', '/CN=stranger'),
  };
}

const SERVER_NAMES = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function selfSigned(folder: string, name: string, subject: string): KeyPair {
  const pair = keyPair(folder, name);
  openssl('req', '-x509', ...NEW_KEY, '-days', '1', '-subj', subject, '-keyout', pair.key, '-out', pair.cert);
  return pair;
}

function signed(folder: string, ca: KeyPair, name: string, subject: string, extension: string, days = 1): KeyPair {
  const pair = keyPair(folder, name);
  const request = join(folder, `${name}.csr`);
  const extensions = join(folder, `${name}.ext`);
  writeFileSync(extensions, `${extension}\n`);
  openssl('req', ...NEW_KEY, '-subj', subject, '-keyout', pair.key, '-out', request);
  const signWith = ['-CA', ca.cert, '-CAkey', ca.key, '-CAcreateserial', '-days', String(days), '-extfile', extensions];
  openssl('x509', '-req', '-in', request, '-out', pair.cert, ...signWith);
  return pair;
}

function keyPair(folder: string, name: string): KeyPair {
  return { cert: join(folder, `${name}.pem`), key: join(folder, `${name}-key.pem`) };
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
