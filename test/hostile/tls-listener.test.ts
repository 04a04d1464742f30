import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { makeCertificates } from '../../testing/certificates.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { openDescriptors } from '../../testing/proc.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { atEnd } from '../process/closing.ts';
import { type FakeBroker, fakeBroker } from '../process/peers.ts';

// Who connects to the TLS listener and makes no handshake, as TCP health checks do, costs nothing for good.

const LIMIT = 40;
const folder = temporaryFolder('tls-listener');
const { ca, server } = makeCertificates(folder.path);
let broker: FakeBroker;
let sidecar: Tracehare;
beforeAll(() => () => folder.remove());
beforeEach(async () => {
  broker = await fakeBroker();
  sidecar = await startTracehare({
    config: JSON.stringify({
      listen: { address: '127.0.0.1:0', tls: server },
      upstream: `amqp://127.0.0.1:${broker.port}`,
      limits: { connections: LIMIT },
    }),
  });
  atEnd(() => sidecar.kill());
});

const descriptors = (): number => openDescriptors(sidecar.pid);
const refused = async (reason: string) =>
  (await sidecar.metrics()).sum('tracehare_connections_refused_total', { reason });

/** A TCP connection that the sidecar has accepted, or refused. */
async function tcp(): Promise<Socket> {
  const socket = connect({ port: sidecar.port, host: '127.0.0.1' }).on('error', () => {});
  atEnd(() => socket.destroy());
  socket.resume();
  // one that is refused at once may never have been connected
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  return socket;
}

async function secured(): Promise<Socket> {
  const app = connectTls({ port: sidecar.port, host: '127.0.0.1', ca: readFileSync(ca) });
  atEnd(() => app.destroy());
  await once(app, 'secureConnect');
  return app;
}

test.each([
  ['ends its side', (socket: Socket) => socket.end()],
  ['resets', (socket: Socket) => socket.resetAndDestroy()],
  ['says half a handshake and ends', (socket: Socket) => socket.end(Buffer.from([22, 3, 1, 2, 0, 1]))],
  ['does not speak TLS', (socket: Socket) => socket.end('GET / HTTP/1.0\r\n\r\n')],
])('who %s is gone at once, before another who was there first and says nothing', async (_, leave) => {
  const idle = descriptors();
  const silent = await tcp();
  await until(() => descriptors() > idle, 'it is accepted');
  const before = descriptors();
  const sockets: Socket[] = [];
  for (let i = 0; i < 30; i++) sockets.push(await tcp());
  for (const socket of sockets) leave(socket);
  await until(() => sockets.every(({ closed }) => closed), 'all are closed');
  await until(async () => (await refused('tls_handshake')) >= 30, 'each is counted');
  expect(silent.closed).toBe(false);
  await until(() => descriptors() <= before, 'no descriptor is left of them');
  expect(await refused('tls_handshake')).toBe(30);
  expect(broker.sockets).toHaveLength(0);
});

test('who says nothing, or a byte at a time, is gone after a while, and counted', async () => {
  const before = descriptors();
  const sockets = await Promise.all(Array.from({ length: 20 }, tcp));
  // a handshake record of 512 bytes that takes for ever
  sockets[0].write(Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252]));
  const trickle = setInterval(() => sockets[0].write(Buffer.of(3)), 200);
  atEnd(() => clearInterval(trickle));
  await until(() => sockets.every(({ closed }) => closed), 'all are closed');
  await until(() => descriptors() <= before, 'no descriptor is left of them');
  expect(await refused('tls_handshake')).toBe(20);
});

test('handshakes under way count towards limits.connections, and free their place', async () => {
  const silent: Socket[] = [];
  for (let i = 0; i < LIMIT; i++) silent.push(await tcp());
  const late = await tcp();
  await until(() => late.closed, 'one too many is refused');
  expect(await refused('limit')).toBe(1);
  for (const socket of silent) socket.destroy();
  await until(async () => (await refused('tls_handshake')) === LIMIT, 'all are gone');
  const app = await secured();
  app.write('AMQP');
  const [heard] = await once(await broker.accepted(0), 'data');
  expect(String(heard)).toBe('AMQP');
});

test('after its handshake an app may end its side and still hear the broker', async () => {
  const app = await secured();
  const atBroker = await broker.accepted(0);
  app.end('AMQP');
  atBroker.resume();
  await once(atBroker, 'end');
  atBroker.end('goodbye');
  const [heard] = await once(app, 'data');
  expect(String(heard)).toBe('goodbye');
});
