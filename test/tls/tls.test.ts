import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { type ChannelModel, connect, type SocketOptions } from 'amqplib';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Certificates, KeyPair } from '../../testing/certificates.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { consumeAll } from '../../testing/traffic.ts';
import { until } from '../../testing/wait.ts';

let broker: RabbitMQ;
let certificates: Certificates;
beforeAll(async () => {
  broker = await startRabbitMQ({ tls: true });
  certificates = broker.certificates as Certificates;
});
afterAll(() => broker?.stop());

/** A sidecar with these sections of the file; the upstream is given there too. */
async function sidecarWith(config: object): Promise<Tracehare> {
  // JSON is YAML
  const sidecar = await startTracehare({ config: JSON.stringify({ loss: 'off', ...config }) });
  onTestFinished(async () => {
    await sidecar.kill();
  });
  return sidecar;
}

const plainUpstream = () => ({ urls: `amqp://127.0.0.1:${broker.port}` });
const tlsUpstream = (tls: object, host = 'localhost') => ({ urls: `amqps://${host}:${broker.tlsPort}`, tls });
const tlsListen = (tls: object = {}) => ({ address: '127.0.0.1:0', tls: { ...certificates.server, ...tls } });

const read = ({ cert, key }: KeyPair) => ({ cert: readFileSync(cert), key: readFileSync(key) });
const trusting = (): SocketOptions & ConnectionOptions => ({ ca: readFileSync(certificates.ca) });

async function open(port: number, options?: ConnectionOptions): Promise<ChannelModel> {
  const scheme = options === undefined ? 'amqp' : 'amqps';
  const model = await connect(`${scheme}://guest:guest@localhost:${port}/`, options as SocketOptions);
  model.on('error', () => {});
  return model;
}

/** Small and large messages both ways, each whole, and seen by the sidecar; then an orderly end. */
async function expectService(sidecar: Tracehare, options?: ConnectionOptions): Promise<void> {
  const app = await open(sidecar.port, options);
  const channel = await app.createConfirmChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const bodies = [0, 1, 70, 20_000, 1 << 20, 5 << 20].map((size, i) => Buffer.alloc(size, i + 65));
  for (const body of bodies) channel.sendToQueue(queue, body);
  await channel.waitForConfirms();
  const consumed = await consumeAll(channel, queue, bodies.length);
  expect(consumed.map(({ content }, i) => content.equals(bodies[i]))).toEqual(bodies.map(() => true));
  expect(consumed[0].properties.headers).toHaveProperty('traceparent');
  await channel.checkQueue(queue); // answered after the acks before it
  await app.close();
  await until(async () => (await sidecar.metrics()).sum('tracehare_connections') === 0, 'the connection has ended');
  const metrics = await sidecar.metrics();
  for (const side of ['publish', 'consume']) {
    expect(metrics.sum('event_throughput_total', { side, status: 'success' })).toBe(bodies.length);
  }
  expect(metrics.sum('tracehare_connections_closed_total', { by: 'app', code: '200' })).toBe(1);
}

/** No invented handshake, and one line that says why. */
async function expectRefused(sidecar: Tracehare, reason: RegExp): Promise<void> {
  await expect(open(sidecar.port)).rejects.toThrow(/ECONNRESET|socket hang up/);
  const line = await until(
    () => sidecar.log.find(({ msg }) => msg === 'upstream unreachable'),
    () => `it says why; its log is ${JSON.stringify(sidecar.log)}`,
  );
  expect(line.upstream).toBe(`localhost:${broker.tlsPort}`);
  expect(line.reason).toMatch(reason);
  expect((await sidecar.metrics()).sum('tracehare_upstream_up')).toBe(0);
  expect((await sidecar.admin('/livez')).status).toBe(200);
}

async function expectHandshakesRefused(sidecar: Tracehare, count: number): Promise<void> {
  await until(
    async () =>
      (await sidecar.metrics()).sum('tracehare_connections_refused_total', { reason: 'tls_handshake' }) === count,
    'handshakes that failed are counted',
  );
}

describe('towards apps', () => {
  test('amqps is served with the certificate of listen.tls', async () => {
    const sidecar = await sidecarWith({ listen: tlsListen(), upstream: plainUpstream() });
    await expectService(sidecar, trusting());
    await expect(open(sidecar.port, {})).rejects.toThrow(/self-signed certificate|unable to verify/);
  });

  test('a client certificate that is required must be there and be signed by the CA', async () => {
    const tls = { ca: certificates.ca, clientCertificate: 'require' };
    const sidecar = await sidecarWith({ listen: tlsListen(tls), upstream: plainUpstream() });
    await expectService(sidecar, { ...trusting(), ...read(certificates.client) });
    await expect(open(sidecar.port, trusting())).rejects.toThrow();
    await expect(open(sidecar.port, { ...trusting(), ...read(certificates.stranger) })).rejects.toThrow();
    expect((await sidecar.metrics()).sum('tracehare_connections_closed_total')).toBe(1);
    await expectHandshakesRefused(sidecar, 2);
  });

  test('a client certificate that is asked for may be left out', async () => {
    const tls = { ca: certificates.ca, clientCertificate: 'request' };
    const sidecar = await sidecarWith({ listen: tlsListen(tls), upstream: plainUpstream() });
    await expectService(sidecar, trusting());
  });

  test('an app that does not speak TLS gets no connection, and the next one does', async () => {
    const sidecar = await sidecarWith({ listen: tlsListen(), upstream: plainUpstream() });
    await expect(open(sidecar.port)).rejects.toThrow();
    await expectService(sidecar, trusting());
    await expectHandshakesRefused(sidecar, 1);
  });
});

describe('towards the broker', () => {
  test('amqps is spoken, its certificate held against the CA and the host', async () => {
    await expectService(await sidecarWith({ upstream: tlsUpstream({ ca: certificates.ca }) }));
  });

  test('an address can stand in the certificate too', async () => {
    await expectService(await sidecarWith({ upstream: tlsUpstream({ ca: certificates.ca }, '127.0.0.1') }));
  });

  test('the certificate is held against upstream.tls.serverName where it is given', async () => {
    const tls = { ca: certificates.ca, serverName: 'localhost' };
    await expectService(await sidecarWith({ upstream: tlsUpstream(tls, '127.0.0.1') }));
  });

  test('a client certificate is shown', async () => {
    const tls = { ca: certificates.ca, ...certificates.client };
    const sidecar = await sidecarWith({ upstream: tlsUpstream(tls) });
    const app = await open(sidecar.port);
    expect(await broker.ctl('list_connections', 'peer_cert_subject')).toContain('CN=test client');
    await app.close();
    await expectService(await sidecarWith({ upstream: tlsUpstream(tls) }));
  });

  test('a certificate for another name is refused, and the log says so', async () => {
    const tls = { ca: certificates.ca, serverName: 'rabbit.example' };
    const sidecar = await sidecarWith({ upstream: tlsUpstream(tls) });
    await expectRefused(sidecar, /does not match certificate's altnames.*rabbit\.example/);
  });

  test('a certificate of an unknown CA is refused, and the log says so', async () => {
    await expectRefused(
      await sidecarWith({ upstream: tlsUpstream({}) }),
      /unable to verify|self-signed certificate|unable to get local issuer/,
    );
    await expectRefused(
      await sidecarWith({ upstream: tlsUpstream({ ca: certificates.stranger.cert }) }),
      /unable to verify|self-signed certificate|unable to get local issuer/,
    );
  });

  test('with verify: false anyone will do', async () => {
    const tls = { verify: false, serverName: 'rabbit.example' };
    await expectService(await sidecarWith({ upstream: tlsUpstream(tls) }));
  });

  test('a broker that does not speak TLS is refused, and the log says so', async () => {
    const upstream = { urls: `amqps://localhost:${broker.port}`, tls: { ca: certificates.ca } };
    const sidecar = await sidecarWith({ upstream });
    await expect(open(sidecar.port)).rejects.toThrow();
    const line = await until(() => sidecar.log.find(({ msg }) => msg === 'upstream unreachable'), 'it says why');
    expect(line.reason).toEqual(expect.any(String));
  });
});

describe('on both sides', () => {
  const both = () => ({
    listen: tlsListen({ ca: certificates.ca, clientCertificate: 'require' }),
    upstream: tlsUpstream({ ca: certificates.ca, ...certificates.client }),
  });

  test('amqplib works through it', async () => {
    await expectService(await sidecarWith(both()), { ...trusting(), ...read(certificates.client) });
  });

  test('a drain ends it in order', async () => {
    const sidecar = await sidecarWith({ ...both(), drain: { timeout: '0s' } });
    const app = await open(sidecar.port, { ...trusting(), ...read(certificates.client) });
    const told = once(app, 'close');
    expect(await sidecar.stop()).toBe(0);
    expect((await told)[0]).toMatchObject({ code: 320 });
    expect(broker.log()).not.toContain('client unexpectedly closed TCP connection');
  });
});
