import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startOtlpReceiver } from '../../testing/otlp.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { expectTrue, footprint, startLoad } from './load.ts';
import { queueOf, startSidecar } from './prove.ts';

let broker: RabbitMQ;
beforeAll(async () => {
  broker = await startRabbitMQ();
});
afterAll(() => broker?.stop());

/** Answers without end, as fast as it is read. */
function pour(socket: Socket, head: string, piece: string): void {
  socket.write(head);
  const more = (): void => {
    while (socket.writable && socket.write(piece));
    socket.once('drain', more);
  };
  more();
}

/** Answers without end, a byte at a time: more often than anybody loses patience with a silence. */
function trickle(socket: Socket, head: string, piece: string): void {
  let at = 0;
  const timer = setInterval(() => {
    const byte = head[at] ?? piece[(at - head.length) % piece.length];
    at++;
    socket.write(byte);
  }, 100);
  socket.once('close', () => clearInterval(timer));
}

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;

/** What an endpoint does with each connection, once it has been spoken to. */
const ENDPOINTS: Record<string, (socket: Socket) => void> = {
  'is down': (socket) => socket.resetAndDestroy(),
  'never answers': () => {},
  'answers without end': (socket) => pour(socket, CHUNKED, `10000\r\n${'x'.repeat(65_536)}\r\n`),
  'answers without end, a byte at a time': (socket) => trickle(socket, CHUNKED, '1\r\nx\r\n'),
  'sends headers without end': (socket) => pour(socket, OK, `x-more: ${'x'.repeat(8000)}\r\n`),
  'sends headers without end, a byte at a time': (socket) => trickle(socket, OK, 'x-more: x\r\n'),
  'speaks nonsense': (socket) => socket.end(Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7) % 256))),
  'sends elsewhere': (socket) =>
    socket.end('HTTP/1.1 307 Temporary\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n'),
  'asks to come again in a year': (socket) =>
    socket.end('HTTP/1.1 503 Busy\r\nretry-after: 31536000\r\ncontent-length: 0\r\n\r\n'),
};
/** What means something to gRPC too. */
const OVER_GRPC = ['is down', 'never answers', 'speaks nonsense', 'answers without end'];

/** A sidecar that exports all it can to `url`, from a small queue: what does not fit is dropped and counted. */
function exporting(url: string, protocol: string): Promise<Tracehare> {
  return startSidecar({
    upstream: `amqp://127.0.0.1:${broker.port}`,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_TIMEOUT: '2000',
      OTEL_TRACES_SAMPLER: 'always_on',
      OTEL_BSP_MAX_QUEUE_SIZE: '256',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '64',
      OTEL_BSP_EXPORT_TIMEOUT: '3000',
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_METRIC_EXPORT_INTERVAL: '3000',
      OTEL_METRIC_EXPORT_TIMEOUT: '2500',
      OTEL_LOGS_EXPORTER: 'otlp',
    },
  });
}

async function hostile(answer: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const endpoint = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
    socket.once('data', () => {
      state.spokenTo++;
      answer(socket);
    });
  }).listen(0, '127.0.0.1');
  await once(endpoint, 'listening');
  onTestFinished(() => {
    endpoint.close();
    for (const socket of sockets) socket.destroy();
  });
  const state = { spokenTo: 0, url: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}` };
  return state;
}

describe.each([
  { protocol: 'http/protobuf', names: Object.keys(ENDPOINTS) },
  { protocol: 'grpc', names: OVER_GRPC },
])('over $protocol', ({ protocol, names }) => {
  test.each(names)('an OTLP endpoint that %s costs spans, which are counted, and nothing else', async (name) => {
    const queue = queueOf(protocol, name);
    await broker.management.call('PUT', `queues/%2F/${queue}`, { durable: true });
    const endpoint = await hostile(ENDPOINTS[name]);
    const sidecar = await exporting(endpoint.url, protocol);
    const before = footprint(sidecar);
    const load = startLoad(`amqp://guest:guest@127.0.0.1:${sidecar.port}?heartbeat=30`, queue);
    await load.flows(1000);
    await load.end(() => sidecar);
    expect(load.known.broken).toBe(0);
    await expectTrue(sidecar, queue, load.known);
    const spans = async () => {
      const metrics = await sidecar.metrics();
      const [exported, dropped] = ['exported', 'dropped'].map((how) => metrics.sum(`tracehare_spans_${how}_total`));
      return { exported, dropped };
    };
    const all = load.known.attempts + load.known.delivered;
    await until(
      async () => endpoint.spokenTo > 0 && (await spans()).dropped === all,
      () => `all ${all} spans are told as lost`,
    );
    expect((await spans()).exported).toBe(0);
    await before.expectBack();
    sidecar.signal('SIGTERM');
    expect(await sidecar.ended()).toBe(0);
  });
});

test('an OTLP endpoint that is slow gets what there is room for: what it got and what is counted as lost are all', async () => {
  await broker.management.call('PUT', 'queues/%2F/slow-otlp', { durable: true });
  const receiver = await startOtlpReceiver();
  onTestFinished(() => receiver.close());
  receiver.behave(1000);
  const sidecar = await exporting(receiver.url, 'http/protobuf');
  const before = footprint(sidecar);
  const load = startLoad(`amqp://guest:guest@127.0.0.1:${sidecar.port}?heartbeat=30`, 'slow-otlp');
  await load.flows(1000);
  await load.end(() => sidecar);
  expect(load.known.broken).toBe(0);
  await expectTrue(sidecar, 'slow-otlp', load.known);
  const all = load.known.attempts + load.known.delivered;
  const of = async (how: string) => (await sidecar.metrics()).sum(`tracehare_spans_${how}_total`);
  await until(
    async () => (await of('exported')) + (await of('dropped')) === all,
    () => `all ${all} spans have arrived or are told as lost`,
  );
  expect(await of('exported')).toBe(receiver.spans.length);
  expect(await of('dropped')).toBeGreaterThan(0);
  expect(receiver.spans.length).toBeGreaterThan(0);
  await before.expectBack();
});
