import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Certificates } from '../../src/app/certificates.ts';
import type { Logger } from '../../src/app/log.ts';
import { ReadFiles } from '../../src/config/read-files.ts';
import { type Certificates as Made, makeCertificates } from '../../testing/certificates.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare, type Tracehare, type TracehareOptions } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';

const EXPIRY = 'tracehare_certificate_expiry_timestamp_seconds';

const folder = temporaryFolder('expiry');
let broker: RabbitMQ;
let made: Made;
beforeAll(async () => {
  broker = await startRabbitMQ({ tls: true });
  made = makeCertificates(folder.path);
});
afterAll(async () => {
  folder.remove();
  await broker?.stop();
});

async function start(config: object, options: TracehareOptions = {}): Promise<Tracehare> {
  const sidecar = await startTracehare({ config: JSON.stringify(config), ...options });
  onTestFinished(async () => {
    await sidecar.kill();
  });
  return sidecar;
}

const told = ({ log }: Tracehare): string[] =>
  log.map(({ msg }) => msg).filter((msg) => msg.startsWith('the certificate'));

test('a certificate is warned of once as its end comes near, and once more when it has come', () => {
  const days = 86_400_000;
  const lines: string[] = [];
  let now = Date.now();
  const log = { warn: (_: object, line: string) => lines.push(line) } as unknown as Logger;
  const certificates = new Certificates(log, () => now);
  onTestFinished(() => certificates.close());
  const ends = now + 365 * days;
  certificates.seen('mq:5671', { begins: now, ends });
  for (const left of [30, 15, 13.9, 13, 1, 0, -1]) {
    now = ends - left * days;
    certificates.look();
  }
  const broker = 'the certificate of upstream mq:5671';
  expect(lines).toEqual([
    `${broker} expires soon; renew it on the broker`,
    `${broker} has expired; renew it on the broker`,
  ]);
  expect(certificates.ends()).toEqual([{ labels: { certificate: 'broker', upstream: 'mq:5671' }, value: ends / 1000 }]);

  // one that lives for a day is not always near its end
  const short = now + days;
  certificates.seen('mq:5671', { begins: now, ends: short });
  expect(lines).toHaveLength(2);
  now = short - days / 5;
  certificates.look();
  expect(lines.at(-1)).toBe(`${broker} expires soon; renew it on the broker`);
  certificates.seen('mq:5671', { begins: now + days, ends: now + 9 * days });
  expect(lines.at(-1)).toBe(`${broker} is not valid yet; renew it on the broker`);
});

test('of a chain the first that ends counts, of several CAs the last', () => {
  const path = join(folder.path, 'chain.pem');
  const chain = [made.server.cert, made.expired.cert, made.ca].map((each) => readFileSync(each, 'utf8')).join('');
  const files = ReadFiles.holding(path, Buffer.from(`words before\n${chain}`));
  const certificates = new Certificates({ warn() {} } as unknown as Logger);
  onTestFinished(() => certificates.close());
  const tls = { cert: path, key: path, ca: path, clientCertificate: 'none' } as const;
  certificates.configure(
    { listen: { host: '', port: 1, tls }, upstream: { servers: [], tls: { verify: true }, connectTimeout: 1 } },
    files,
  );
  const [cert, ca] = certificates.ends();
  expect(cert.labels.certificate).toBe('listen.tls.cert');
  expect(cert.value).toBeLessThanOrEqual(Date.now() / 1000);
  expect(ca.labels.certificate).toBe('listen.tls.ca');
  expect(ca.value).toBeGreaterThan(Date.now() / 1000);
});

test('an expired certificate of the listener: warned of at start, shown by a metric, and both end with its renewal', async () => {
  const [cert, key] = ['served.pem', 'served-key.pem'].map((name) => join(folder.path, name));
  copyFileSync(made.expired.cert, cert);
  copyFileSync(made.expired.key, key);
  const sidecar = await start({
    listen: { address: '127.0.0.1:0', tls: { cert, key } },
    upstream: 'amqp://127.0.0.1:1',
  });
  const ends = async () => (await sidecar.metrics()).value(EXPIRY, { certificate: 'listen.tls.cert' });
  expect(await ends()).toBeLessThan(Date.now() / 1000);
  expect(told(sidecar)).toEqual([
    `the certificate of listen.tls.cert, ${cert}, has expired; renew the file: it is read again as it changes`,
  ]);
  copyFileSync(made.server.cert, cert);
  copyFileSync(made.server.key, key);
  sidecar.signal('SIGHUP');
  await until(async () => ((await ends()) ?? 0) > Date.now() / 1000, 'the new one is known');
  expect(told(sidecar)).toHaveLength(1);
  copyFileSync(made.expired.cert, cert);
  copyFileSync(made.expired.key, key);
  sidecar.signal('SIGHUP');
  await until(() => told(sidecar).length === 2, 'one that comes by a reload is warned of too');
});

test('without upstream.tls.ca the system’s CAs are trusted, and the broker’s certificate is in a metric', async () => {
  const { ca } = broker.certificates as Made;
  const config = { upstream: `amqps://localhost:${broker.tlsPort}` };
  const stranger = await start(config);
  await expect(connect(`amqp://guest:guest@localhost:${stranger.port}`)).rejects.toThrow();
  const line = await until(() => stranger.log.find(({ msg }) => msg === 'upstream unreachable'), 'it says why');
  expect(line.reason).toMatch(/certificate.*: name the CA that signed it by upstream\.tls\.ca$/);

  // where OpenSSL looks for the system's
  const sidecar = await start(config, { env: { SSL_CERT_FILE: ca } });
  const app = await connect(`amqp://guest:guest@localhost:${sidecar.port}`);
  await app.close();
  const seen = { certificate: 'broker', upstream: `localhost:${broker.tlsPort}` };
  await until(async () => ((await sidecar.metrics()).value(EXPIRY, seen) ?? 0) > Date.now() / 1000, 'it is shown');
});
