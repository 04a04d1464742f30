import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ServingCertificate } from '../../src/inject/certificate.ts';
import { startInjector } from '../../src/inject/server.ts';
import { type Certificates, type KeyPair, makeCertificates } from '../../testing/certificates.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { until } from '../../testing/wait.ts';
import { podWith, SETTINGS } from './pods.ts';

const folder = temporaryFolder('inject');
const served = { cert: join(folder.path, 'served.pem'), key: join(folder.path, 'served-key.pem') };
const silent = { debug() {}, info() {}, warn() {}, error() {} };
let certificates: Certificates;
let injector: Awaited<ReturnType<typeof startInjector>> | undefined;

beforeAll(() => {
  certificates = makeCertificates(folder.path);
});
afterEach(() => injector?.close());
afterAll(() => folder.remove());

function serve({ cert, key }: KeyPair): void {
  copyFileSync(key, served.key);
  copyFileSync(cert, served.cert);
}

async function started(log: Parameters<typeof startInjector>[0]['log'] = silent): Promise<number> {
  serve(certificates.server);
  const certificate = new ServingCertificate(served);
  injector = await startInjector({ host: '127.0.0.1', port: 0, certificate, settings: SETTINGS, log });
  return Number(injector.address.split(':').at(-1));
}

interface Answer {
  status: number | undefined;
  body: string;
}

function ask(port: number, path: string, { method = 'GET', body = '' }: { method?: string; body?: string } = {}) {
  return new Promise<Answer>((resolve, reject) => {
    const agent = new Agent({ ca: readFileSync(certificates.ca), keepAlive: false });
    const asked = request({ host: '127.0.0.1', port, path, method, agent }, (response) => {
      let text = '';
      response.on('data', (piece) => {
        text += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode, body: text }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

const review = (uid: string) =>
  JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid,
      kind: { group: '', version: 'v1', kind: 'Pod' },
      operation: 'CREATE',
      object: podWith({ 'tracehare.io/upstream': 'amqp://rabbitmq' }),
    },
  });

test('reviews are answered over HTTPS, as are questions for health', async () => {
  const port = await started();
  const { status, body } = await ask(port, '/inject?timeout=5s', { method: 'POST', body: review('a') });
  expect(status).toBe(200);
  expect(JSON.parse(body).response).toMatchObject({ uid: 'a', allowed: true, patchType: 'JSONPatch' });
  expect(await ask(port, '/livez')).toEqual({ status: 200, body: 'ok\n' });
  expect(await ask(port, '/readyz')).toEqual({ status: 200, body: 'ok\n' });
});

test('what is no review gets one line', async () => {
  const port = await started();
  const answers = await Promise.all([
    ask(port, '/'),
    ask(port, '/inject'),
    ask(port, '/inject', { method: 'POST', body: '{"kind":' }),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([404, 405, 400]);
  for (const { body } of answers) expect(body).toMatch(/^.+\n$/);
});

test('who sends too much is refused, and others are still answered', async () => {
  const port = await started();
  const long = ask(port, '/inject', { method: 'POST', body: ' '.repeat(5 << 20) });
  // refused before all of it was read: the client may see no more than the end
  const ended = await long.catch(() => ({ status: 413 }));
  expect(ended.status).toBe(413);
  expect((await ask(port, '/inject', { method: 'POST', body: review('b') })).status).toBe(200);
});

test('who speaks no TLS, or leaves in the middle, harms nobody', async () => {
  const port = await started();
  const plain = connect(port, '127.0.0.1');
  plain.on('error', () => {}).resume();
  const closed = new Promise((resolve) => plain.once('close', resolve));
  plain.write('POST /inject HTTP/1.1\r\n\r\n');
  const half = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
  half.on('error', () => {});
  await new Promise<void>((resolve) => {
    half.once('secureConnect', resolve);
  });
  half.write('POST /inject HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{');
  half.destroy();
  await closed;
  expect((await ask(port, '/inject', { method: 'POST', body: review('c') })).status).toBe(200);
});

test('a renewed certificate is shown without a restart; one that does not fit changes nothing', async () => {
  const told: string[] = [];
  const warn = (...said: unknown[]) => void told.push(String(said.at(-1)));
  const port = await started({ ...silent, warn } as typeof silent);
  expect(await subject(port)).toBe('localhost');
  serve(certificates.client);
  await until(async () => (await subject(port)) === 'test client', 'the new certificate is shown', 30_000);
  writeFileSync(served.cert, 'nothing');
  await until(() => told.some((line) => line.includes('holds no certificate')), 'the wrong one is told of', 30_000);
  expect(await subject(port)).toBe('test client');
});

test('it is not ready with a certificate that has ended', async () => {
  const port = await started();
  serve(certificates.expired);
  const answer = () =>
    new Promise<Answer>((resolve, reject) => {
      request({ host: '127.0.0.1', port, path: '/readyz', rejectUnauthorized: false, agent: false }, (response) => {
        response.on('data', (text) => resolve({ status: response.statusCode, body: String(text) }));
      })
        .on('error', reject)
        .end();
    });
  await until(async () => (await answer()).status === 503, 'it is not ready', 30_000);
  expect((await answer()).body).toBe(`the certificate in ${served.cert} has expired; renew the file\n`);
});

test('a certificate that can not be used is said in one line', () => {
  const { server, client } = certificates;
  expect(() => new ServingCertificate({ cert: '/nowhere.pem', key: server.key })).toThrow(
    '--cert /nowhere.pem: no such file',
  );
  expect(() => new ServingCertificate({ cert: server.cert, key: client.key })).toThrow(
    `--key ${client.key}: does not belong to the certificate in ${server.cert}`,
  );
});

async function subject(port: number): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve).once('error', reject);
    });
    return String(socket.getPeerCertificate().subject.CN);
  } finally {
    socket.destroy();
  }
}
