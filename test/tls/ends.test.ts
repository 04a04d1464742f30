import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  type AddressInfo,
  connect as connectPlain,
  createServer as createPlain,
  type Server,
  type Socket,
} from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeCertificates } from '../../testing/certificates.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { body, header, method, short, u64 } from '../../testing/wire.ts';
import { opened, openOk, publish } from '../identity/by-hand.ts';
import { checkUpstream } from '../identity/compare.ts';
import { End } from '../identity/replay.ts';

const folder = temporaryFolder('tls');
const { ca, server } = makeCertificates(folder.path);
const pair = { cert: readFileSync(server.cert), key: readFileSync(server.key) };

/** The broker's side of connections, which is the test itself. */
const accepted: { end: End; socket: TLSSocket }[] = [];
const broker = createServer({ ...pair, allowHalfOpen: true }, (socket) => {
  accepted.push({ end: new End(socket), socket });
});
let sidecar: Tracehare;
/** Between each side and the sidecar, so that a test can reset TCP below TLS. */
const relays: Record<'app' | 'broker', Relay> = { app: relay(() => sidecar.port), broker: relay(() => portOf(broker)) };

interface Relay {
  server: Server;
  /** the newest connection, seen from the sidecar */
  towardsSidecar(): Socket;
}

function relay(to: () => number): Relay {
  let newest: [accepted: Socket, dialled: Socket];
  const server = createPlain({ allowHalfOpen: true }, (from) => {
    const onward = connectPlain({ port: to(), host: '127.0.0.1', allowHalfOpen: true });
    newest = [from, onward];
    for (const socket of newest) socket.on('error', () => {});
    from.pipe(onward).pipe(from);
  });
  return { server, towardsSidecar: () => (server === relays.app.server ? newest[1] : newest[0]) };
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

beforeAll(async () => {
  for (const server of [broker, relays.app.server, relays.broker.server]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const config = {
    loss: 'off',
    listen: { address: '127.0.0.1:0', tls: server },
    upstream: { urls: `amqps://127.0.0.1:${portOf(relays.broker.server)}`, tls: { ca } },
  };
  sidecar = await startTracehare({ config: JSON.stringify(config) });
});
afterAll(async () => {
  await sidecar?.stop();
  for (const server of [broker, relays.app.server, relays.broker.server]) server.close();
  folder.remove();
});

async function open() {
  const before = accepted.length;
  const options = { port: portOf(relays.app.server), host: '127.0.0.1', ca: readFileSync(ca), allowHalfOpen: true };
  const app = new End(connect(options));
  await until(() => accepted.length > before, 'the sidecar has dialled');
  return { app, broker: accepted[before] };
}

/** The same, and the broker has let the app in. */
async function letIn() {
  const { app, broker } = await open();
  app.socket.write(opened());
  await until(() => broker.end.count === opened().length, 'the broker has heard of the app');
  broker.socket.write(openOk);
  await until(() => app.count === openOk.length, 'the app is in');
  return { app, broker };
}

const content = Buffer.alloc(100_000, 'tls');
const message = (first: Buffer) => [first, header(1, content.length), body(1, content)];
const deliver = () => method(1, 60, 60, short('tag'), u64(1), Buffer.of(0), short('ex'), short('key'));

test('each side can end by itself: all before the end arrives, and the other side goes on', async () => {
  const { app, broker } = await letIn();
  const up = Buffer.concat(Array.from({ length: 30 }, () => message(publish())).flat());
  app.socket.end(up);
  await until(() => broker.end.ended, 'the broker sees the end');
  expect(checkUpstream(Buffer.concat([opened(), up]), broker.end.received).sent).toBe(30);
  expect(app.closed).toBe(false);

  const down = Buffer.concat(Array.from({ length: 30 }, () => message(deliver())).flat());
  broker.socket.end(down);
  await until(() => app.ended, 'the app sees the end');
  expect(app.received.equals(Buffer.concat([openOk, down]))).toBe(true);
  await until(async () => (await sidecar.metrics()).sum('tracehare_connections') === 0, 'the connection is gone');
});

test('the broker can end first', async () => {
  const { app, broker } = await letIn();
  broker.socket.end(deliver());
  await until(() => app.ended, 'the app sees the end');
  expect(app.received.equals(Buffer.concat([openOk, deliver()]))).toBe(true);
  const up = Buffer.concat(message(publish()));
  app.socket.end(up);
  await until(() => broker.end.ended, 'the broker sees the end');
  expect(checkUpstream(Buffer.concat([opened(), up]), broker.end.received).sent).toBe(1);
  await until(async () => (await sidecar.metrics()).sum('tracehare_connections') === 0, 'the connection is gone');
});

test.each(['app', 'broker'] as const)('a reset of the %s ends the other side too', async (who) => {
  const closed = async () =>
    (await sidecar.metrics()).sum('tracehare_connections_closed_total', { by: 'network', code: '0' });
  const before = await closed();
  const { app, broker } = await open();
  app.socket.write(opened());
  await until(() => broker.end.count === opened().length, 'the broker has heard of the app');
  relays[who].towardsSidecar().resetAndDestroy();
  const other = who === 'app' ? broker.end : app;
  await until(() => other.ended || other.closed, 'the other end has ended');
  await until(async () => (await closed()) === before + 1, 'it is counted');
});

test('a broker that never answers the handshake is given up after upstream.connectTimeout', async () => {
  const silent = createPlain((socket) => socket.on('error', () => {}));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const urls = `amqps://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const config = { upstream: { urls, connectTimeout: '50ms' } };
  const waiting = await startTracehare({ config: JSON.stringify(config) });
  try {
    const app = new End(connectPlain({ port: waiting.port, host: '127.0.0.1' }));
    await until(() => app.closed, 'the app is refused');
    const line = await until(() => waiting.log.find(({ msg }) => msg === 'upstream unreachable'), 'it says why');
    expect(line.reason).toBe('no answer within 50 ms');
  } finally {
    await waiting.kill();
    silent.close();
  }
});
