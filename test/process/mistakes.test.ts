import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Certificates, makeCertificates } from '../../testing/certificates.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { startTracehare, type Tracehare, type TracehareOptions } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { PROTOCOL } from '../../testing/wire.ts';
import { atEnd } from './closing.ts';
import { fakeBroker } from './peers.ts';

/** How things are connected wrongly, and what the log says of it: once, with the cure. */
const folder = temporaryFolder('mistakes');
let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates(folder.path);
});
afterAll(() => folder.remove());

async function start(options: TracehareOptions): Promise<Tracehare> {
  const sidecar = await startTracehare(options);
  atEnd(() => sidecar.kill());
  return sidecar;
}

const warnings = ({ log }: Tracehare): string[] =>
  log.filter(({ level }) => String(level) === 'warn').map(({ msg }) => msg);

/** Sends an opening through the sidecar and waits until it has been answered, or its connection is gone. */
async function say(port: number, opening: string | Uint8Array): Promise<void> {
  const app = connect(port, '127.0.0.1').on('error', () => {});
  atEnd(() => app.destroy());
  app.write(opening);
  await closed(app);
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.resume().once('close', () => resolve());
  });

/** A broker that answers every opening like this, and hangs up. */
async function answering(answer: string | Uint8Array): Promise<{ port: number }> {
  const broker = await fakeBroker();
  const served = new Set<Socket>();
  const serve = setInterval(() => {
    for (const socket of broker.sockets.filter((each) => !served.has(each))) {
      served.add(socket);
      socket.once('data', () => (answer.length === 0 ? socket.end() : socket.end(answer)));
    }
  }, 5);
  atEnd(() => clearInterval(serve));
  return broker;
}

const CLIENT_HELLO = Buffer.from('16030100050100000103', 'hex');

test.each([
  [
    'TLS',
    CLIENT_HELLO,
    /speaks TLS to --listen, where plain AMQP is spoken: give the app an amqp:\/\/ URL, or set listen.tls$/,
  ],
  [
    'HTTP',
    'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n',
    /speaks HTTP to --listen.*: metrics, health and the page are at 127\.0\.0\.1:\d+$/,
  ],
  [
    'STOMP',
    'CONNECT\naccept-version:1.2\n\n\0',
    /speaks STOMP to --listen: it passes unread, only AMQP 0-9-1 is observed/,
  ],
  ['AMQP 1.0', 'AMQP\0\x01\0\0', /speaks AMQP 1\.0 to --listen: it passes unread/],
])('an app that speaks %s: one warning for many', async (_, opening, line) => {
  const { port } = await answering('bye');
  const sidecar = await start({ upstream: `amqp://127.0.0.1:${port}`, args: ['--workers', '2'] });
  for (let i = 0; i < 6; i++) await say(sidecar.port, opening);
  await until(
    async () => (await sidecar.metrics()).sum('tracehare_bypassed_connections_total') === 6,
    'all are counted',
  );
  await until(() => warnings(sidecar).length > 0, 'it is told');
  expect(warnings(sidecar)).toEqual([expect.stringMatching(line)]);
});

test.each([
  [
    'HTTP',
    'HTTP/1.1 400 Bad Request\r\n\r\n',
    /answers AMQP with HTTP, it is no AMQP port: set --upstream to the broker's/,
  ],
  ['TLS', Buffer.from('15030300020246', 'hex'), /speaks TLS: use amqps:\/\/127\.0\.0\.1:\d+$/],
  ['AMQP 1.0', 'AMQP\0\x01\0\0', /answers with AMQP 1\.0: a broker of AMQP 0-9-1 is needed/],
  ['Redis', "-ERR unknown command 'AMQP'\r\n", /answers AMQP with Redis, it is no AMQP port/],
  ['a hello of some kind', 'hello there', /answers AMQP with something unknown, it is no AMQP port/],
  ['nothing', '', /ended a connection without a word of AMQP: is it a broker's port, 5672 by default, and without TLS/],
])('an upstream that answers with %s: one warning', async (_, answer, line) => {
  const { port } = await answering(answer);
  const sidecar = await start({ upstream: `amqp://127.0.0.1:${port}` });
  for (let i = 0; i < 3; i++) await say(sidecar.port, PROTOCOL);
  await until(() => warnings(sidecar).length > 0, 'it is told');
  await until(async () => (await sidecar.metrics()).value('tracehare_connections') === 0, 'all are over');
  expect(warnings(sidecar)).toEqual([expect.stringMatching(line)]);
  expect(warnings(sidecar)[0]).toContain(`upstream 127.0.0.1:${port} `);
});

test('an app that leaves before the broker says a word is no mistake of the broker', async () => {
  const broker = await fakeBroker();
  const sidecar = await start({ upstream: `amqp://127.0.0.1:${broker.port}` });
  const app = connect(sidecar.port, '127.0.0.1').on('error', () => {});
  app.write(PROTOCOL);
  await broker.accepted(0);
  app.destroy();
  broker.sockets[0].on('end', () => broker.sockets[0].end()).resume();
  const closed = async () => (await sidecar.metrics()).sum('tracehare_connections_closed_total');
  await until(async () => (await closed()) === 1, 'it is over');
  expect(warnings(sidecar)).toEqual([]);
});

/** A sidecar whose apps speak TLS. */
async function withTls(tls: object = {}): Promise<Tracehare> {
  const { cert, key } = certificates.server;
  const listen = { address: '127.0.0.1:0', tls: { cert, key, ...tls } };
  return start({ config: JSON.stringify({ listen, upstream: 'amqp://127.0.0.1:1' }) });
}

async function refusedHandshakes(sidecar: Tracehare, count: number): Promise<void> {
  const refused = async () =>
    (await sidecar.metrics()).sum('tracehare_connections_refused_total', { reason: 'tls_handshake' });
  await until(async () => (await refused()) >= count, `${count} handshakes have failed`);
}

test.each([
  ['plain AMQP', PROTOCOL, /speaks no TLS to --listen, which has listen\.tls: give the app an amqps:\/\/ URL$/],
  ['HTTP', 'GET / HTTP/1.1\r\n\r\n', /speaks HTTP to --listen, where AMQP over TLS is spoken/],
])('an app that speaks %s to a port for TLS: one warning for many', async (_, opening, line) => {
  const sidecar = await withTls();
  for (let i = 0; i < 3; i++) await say(sidecar.port, opening);
  await refusedHandshakes(sidecar, 3);
  await until(() => warnings(sidecar).length > 0, 'it is told');
  expect(warnings(sidecar)).toEqual([expect.stringMatching(line)]);
});

test('an app without a certificate where one is required, and one whose certificate is not trusted', async () => {
  const sidecar = await withTls({ ca: certificates.ca, clientCertificate: 'require' });
  const strange = { cert: readFileSync(certificates.stranger.cert), key: readFileSync(certificates.stranger.key) };
  for (const own of [{}, strange]) {
    const ca = readFileSync(certificates.ca);
    const app = connectTls({ port: sidecar.port, host: 'localhost', ca, ...own }).on('error', () => {});
    await closed(app);
  }
  await refusedHandshakes(sidecar, 2);
  await until(() => warnings(sidecar).length >= 2, 'both are told');
  expect(warnings(sidecar)).toEqual([
    expect.stringMatching(/it showed no certificate, and listen\.tls\.clientCertificate is require$/),
    expect.stringMatching(/its certificate is refused, DEPTH_ZERO_SELF_SIGNED_CERT; listen\.tls\.ca holds the CA/),
  ]);
});

test('a health check by TCP is no mistake', async () => {
  const sidecar = await withTls();
  const check = connect(sidecar.port, '127.0.0.1');
  await once(check, 'connect');
  check.destroy();
  await refusedHandshakes(sidecar, 1);
  expect(warnings(sidecar)).toEqual([]);
});

test('an amqps:// upstream that speaks plain AMQP: the cure, not the words of OpenSSL', async () => {
  const { port } = await answering(PROTOCOL);
  const sidecar = await start({ upstream: `amqps://127.0.0.1:${port}` });
  await say(sidecar.port, PROTOCOL);
  const line = await until(() => sidecar.log.find(({ msg }) => msg === 'upstream unreachable'), 'it is told');
  expect(line.reason).toBe(
    "speaks no TLS: set --upstream to an amqp:// URL, or to the broker's port for TLS, 5671 by default",
  );
});
