import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { createOtlpHttpExporter } from '../../src/telemetry/export/otlp-http.ts';
import { until } from '../../testing/wait.ts';

const TIMEOUT_MS = 500;
const BODY = '{}';
const WHOLE = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';

let open: Set<Socket>;
let answer: (socket: Socket) => void;
let port: number;
beforeEach(async () => {
  open = new Set();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {}).once('close', () => open.delete(socket));
    socket.on('data', (chunk) => chunk.toString('latin1').endsWith(BODY) && answer(socket));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  port = (server.address() as AddressInfo).port;
});

/** Resolves with what went wrong, or nothing. */
function exporting(): () => Promise<string | undefined> {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${port}`);
  vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', String(TIMEOUT_MS));
  onTestFinished(() => void vi.unstubAllEnvs());
  const exporter = createOtlpHttpExporter<string, object>({
    contentType: 'application/json',
    serialize: (text) => Buffer.from(text),
    deserialize: () => ({}),
    countItems: () => 1,
  });
  return () => new Promise((resolve) => exporter.export(BODY, ({ error }) => resolve(error?.message)));
}

/** Sends this, then a piece of it at a time, more often than silence is taken for an end. */
function trickling(head: string, piece: string) {
  return (socket: Socket): void => {
    socket.write(head);
    const timer = setInterval(() => socket.write(piece), TIMEOUT_MS / 10);
    socket.once('close', () => clearInterval(timer));
  };
}

test.each([
  ['body', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', '1\r\nx\r\n'],
  ['head', 'HTTP/1.1 200 OK\r\n', 'x: x\r\n'],
])(
  'an endpoint whose answer trickles, in its %s: it fails in time, its connection ends, and the next is answered',
  async (_, ...how) => {
    const send = exporting();
    for (let times = 0; times < 3; times++) {
      answer = trickling(how[0], how[1]);
      expect(await send()).toBe(`no whole answer within ${TIMEOUT_MS} ms`);
      await until(() => open.size === 0, 'its connection has ended');
      answer = (socket) => socket.write(WHOLE);
      expect(await send()).toBeUndefined();
    }
  },
);
