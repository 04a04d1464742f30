import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { expectTrue, footprint, startLoad } from './load.ts';

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

/** What an endpoint does with each connection, once it has been spoken to. */
const ENDPOINTS: Record<string, (socket: Socket) => void> = {
  'is down': (socket) => socket.resetAndDestroy(),
  'never answers': () => {},
  'answers without end': (socket) =>
    pour(socket, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', `10000\r\n${'x'.repeat(65_536)}\r\n`),
  'sends headers without end': (socket) => pour(socket, 'HTTP/1.1 200 OK\r\n', `x-more: ${'x'.repeat(8000)}\r\n`),
  'speaks nonsense': (socket) => socket.end(Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7) % 256))),
  'sends elsewhere': (socket) =>
    socket.end('HTTP/1.1 307 Temporary\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n'),
  'asks to come again in a year': (socket) =>
    socket.end('HTTP/1.1 503 Busy\r\nretry-after: 31536000\r\ncontent-length: 0\r\n\r\n'),
};

test.each(Object.entries(ENDPOINTS))(
  'an OTLP endpoint that %s costs spans, which are counted, and nothing else',
  async (name, answer) => {
    const queue = name.replaceAll(' ', '-');
    await broker.management.call('PUT', `queues/%2F/${queue}`, { durable: true });
    let spokenTo = 0;
    const sockets = new Set<Socket>();
    const endpoint = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {}).once('close', () => sockets.delete(socket));
      socket.once('data', () => {
        spokenTo++;
        answer(socket);
      });
    }).listen(0, '127.0.0.1');
    await once(endpoint, 'listening');
    onTestFinished(() => {
      endpoint.close();
      for (const socket of sockets) socket.destroy();
    });
    const sidecar = await startTracehare({
      upstream: `amqp://127.0.0.1:${broker.port}`,
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`,
        OTEL_EXPORTER_OTLP_TIMEOUT: '2000',
        OTEL_TRACES_SAMPLER: 'always_on',
        // an answer that never ends keeps its batch: what does not fit behind it is dropped and counted
        OTEL_BSP_MAX_QUEUE_SIZE: '256',
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '64',
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_METRIC_EXPORT_INTERVAL: '500',
        OTEL_LOGS_EXPORTER: 'otlp',
      },
    });
    onTestFinished(async () => void (await sidecar.kill()));
    const before = footprint(sidecar);
    const load = startLoad(`amqp://guest:guest@127.0.0.1:${sidecar.port}?heartbeat=5`, queue);
    await load.flows(1000);
    await load.end(() => sidecar);
    await until(
      async () => spokenTo > 0 && (await sidecar.metrics()).sum('tracehare_spans_dropped_total') > 0,
      'spans were lost, and it is told',
    );
    await expectTrue(sidecar, queue, load.known);
    expect((await sidecar.metrics()).sum('tracehare_spans_exported_total')).toBe(0);
    await before.expectBack();
    sidecar.signal('SIGTERM');
    expect(await sidecar.ended()).toBe(0);
  },
);
