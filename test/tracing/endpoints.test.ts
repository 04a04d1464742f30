import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, request as forward } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createLogRecords } from '../../src/telemetry/export/log-records.ts';
import { createMetricPush } from '../../src/telemetry/export/metrics.ts';
import { type Certificates, makeCertificates } from '../../testing/certificates.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { type SignalReceiver, startSignalReceiver } from '../../testing/otlp-signals.ts';
import { recordingLog } from './fixtures.ts';

// What endpoints ask of those who send to them, for metrics and log records; spans go the same way.

const READING = { name: 'answer', help: 'Answer.', type: 'gauge' as const };

let folder: ReturnType<typeof temporaryFolder>;
let certificates: Certificates;
beforeAll(() => {
  folder = temporaryFolder('endpoints');
  certificates = makeCertificates(folder.path);
});
afterAll(() => folder.remove());

const closing: (() => unknown)[] = [];
const before = { ...process.env };
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
});

/** Sends one metric and one log record; how that went. */
async function send(env: Record<string, string>) {
  Object.assign(process.env, { OTEL_METRICS_EXPORTER: 'otlp', OTEL_LOGS_EXPORTER: 'otlp', ...env });
  const log = recordingLog();
  const common = { env: process.env, version: '1', log };
  const read = async () => [{ ...READING, points: [{ labels: {}, series: {}, value: 42 }] }];
  const metrics = await createMetricPush({ ...common, read });
  const records = await createLogRecords(common);
  const told = {
    event: 'e',
    severity: 'info',
    body: 'b',
    attributes: {},
    at: 1,
    traceId: '',
    spanId: '',
    sampled: false,
  };
  records.tell({ ...told, severity: 'info' });
  await Promise.all([metrics.shutdown(), records.shutdown()]);
  return { metrics: metrics.figures(), records: records.figures(), lines: log.lines };
}

async function receive(tls?: Parameters<typeof startSignalReceiver>[0]): Promise<SignalReceiver> {
  const receiver = await startSignalReceiver(tls);
  closing.push(receiver.close);
  return receiver;
}

function expectBoth({ metrics, logs }: SignalReceiver): void {
  expect(metrics.flat().map(({ name, value }) => [name, value])).toEqual([['answer', 42]]);
  expect(logs.map(({ body }) => body)).toEqual(['b']);
}

describe.each(['http/protobuf', 'http/json'])('%s', (protocol) => {
  test.each(['none', 'gzip'])(
    'says how long the body is, with compression %s, and has the headers that are set',
    async (compression) => {
      const receiver = await receive();
      await send({
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_COMPRESSION: compression,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=acme,authorization=Bearer%20abc',
        OTEL_EXPORTER_OTLP_METRICS_HEADERS: 'x-tenant=other',
      });
      expectBoth(receiver);
      for (const headers of receiver.headers) {
        expect(Number(headers['content-length'])).toBeGreaterThan(0);
        expect(headers).toMatchObject({ authorization: 'Bearer abc' });
        expect(headers).not.toHaveProperty('transfer-encoding');
      }
      expect(receiver.headers.map((headers) => headers['x-tenant']).sort()).toEqual(['acme', 'other']);
    },
  );
});

/** TLS that asks for a certificate. */
const asking = () => ({
  cert: readFileSync(certificates.server.cert),
  key: readFileSync(certificates.server.key),
  ca: readFileSync(certificates.ca),
  requestCert: true,
  rejectUnauthorized: true,
});
const shown = () => ({
  OTEL_EXPORTER_OTLP_CERTIFICATE: certificates.ca,
  OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: certificates.client.cert,
  OTEL_EXPORTER_OTLP_CLIENT_KEY: certificates.client.key,
});

test('a client certificate is shown, and the CA that is named is trusted', async () => {
  const receiver = await receive(asking());
  await send({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...shown() });
  expectBoth(receiver);
});

test('without a certificate nothing arrives: told in a line for each signal, and counted', async () => {
  const receiver = await receive(asking());
  const { metrics, records, lines } = await send({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
  });
  expect([metrics.success, metrics.failure, records.exported, records.dropped]).toEqual([0, 1, 0, 1]);
  expect(
    lines
      .filter(({ level }) => level === 'warn')
      .map(({ message }) => message.split(':')[0])
      .sort(),
  ).toEqual(['log records could not be exported and were dropped', 'metrics could not be exported']);
});

/** A forward proxy, with what it was asked for. */
async function startProxy() {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const passed = forward(request.url as string, { method: 'POST', headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode as number, answer.headers);
      answer.pipe(response);
    });
    request.pipe(passed);
  });
  server.on('connect', (request, socket) => {
    asked.push(`${request.method} ${request.url}`);
    const [host, port] = (request.url as string).split(':');
    const tunnel = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      tunnel.pipe(socket).pipe(tunnel);
    });
    tunnel.on('error', () => socket.destroy());
    socket.on('error', () => tunnel.destroy());
    closing.push(() => tunnel.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

test('HTTPS_PROXY: through a tunnel, certificates and all', async () => {
  const receiver = await receive(asking());
  const { url, asked } = await startProxy();
  await send({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...shown(), HTTPS_PROXY: url });
  expectBoth(receiver);
  expect(new Set(asked)).toEqual(new Set([`CONNECT ${new URL(receiver.url).host}`]));
});

test('http_proxy: as an absolute address', async () => {
  const receiver = await receive();
  const { url, asked } = await startProxy();
  await send({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, http_proxy: url });
  expectBoth(receiver);
  expect(asked.sort()).toEqual([`POST ${receiver.url}/v1/logs`, `POST ${receiver.url}/v1/metrics`]);
});

test('NO_PROXY: past it', async () => {
  const receiver = await receive();
  const { url, asked } = await startProxy();
  await send({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, HTTP_PROXY: url, NO_PROXY: '127.0.0.1' });
  expectBoth(receiver);
  expect(asked).toEqual([]);
});

test.each([
  ['a port nobody listens on', 'http://127.0.0.1:1'],
  ['a host that is not there', 'http://nowhere.invalid:4318'],
])('%s: counted and told, within the time that an export may take', async (_, endpoint) => {
  const { metrics, records, lines } = await send({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_TIMEOUT: '500',
  });
  expect([metrics.success, metrics.failure, records.exported, records.dropped]).toEqual([0, 1, 0, 1]);
  expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(2);
});
