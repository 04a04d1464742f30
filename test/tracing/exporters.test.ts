import diagnostics from 'node:diagnostics_channel';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type OtlpReceiver, startOtlpReceiver } from '../../testing/otlp.ts';
import { passageOf } from '../../testing/passages.ts';
import { publish, recordingLog, SPAN, startSink, TRACE } from './fixtures.ts';

let receiver: OtlpReceiver;
beforeEach(async () => {
  receiver = await startOtlpReceiver();
});
afterEach(() => receiver.close());

/** Sockets this process opened towards anywhere while a sink observed one publish and shut down. */
async function socketsOpened(env: Record<string, string>): Promise<number> {
  let sockets = 0;
  const count = () => sockets++;
  diagnostics.subscribe('net.client.socket', count);
  try {
    const sink = await startSink(env);
    sink.passage(passageOf(publish()));
    await sink.shutdown();
  } finally {
    diagnostics.unsubscribe('net.client.socket', count);
  }
  return sockets;
}

describe('nothing is exported and no socket opened', () => {
  test.each([
    ['with no endpoint set', {}],
    ['with a blank endpoint', { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }],
    ['with a protocol but no endpoint', { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }],
    ['with endpoints for metrics and logs only', { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://127.0.0.1:1' }],
  ])('%s', async (_, env) => {
    expect(await socketsOpened(env)).toBe(0);
  });

  test.each([
    ['none', { OTEL_TRACES_EXPORTER: 'none' }],
    ['none among others', { OTEL_TRACES_EXPORTER: 'otlp, none' }],
    ['the SDK disabled', { OTEL_SDK_DISABLED: 'true' }],
  ])('with an endpoint but %s', async (_, env) => {
    expect(await socketsOpened({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env })).toBe(0);
    expect(receiver.requests).toBe(0);
  });

  test('unlike with an endpoint', async () => {
    expect(await socketsOpened({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url })).toBeGreaterThan(0);
    expect(receiver.spans).toHaveLength(1);
  });

  test('and whoever feeds such a sink need never wait', async () => {
    const sink = await startSink({});
    expect(sink.free()).toBe(Number.POSITIVE_INFINITY);
    expect(sink.figures()).toEqual({ exported: 0, dropped: 0, queued: 0, limited: 0, keepLimited: 0 });
  });
});

test('grpc carries the same spans', async () => {
  // The request is the very message that OTLP/HTTP carries, so the HTTP receiver can read it.
  const pass = (bytes: Buffer): Buffer => bytes;
  const server = new Server();
  server.addService(
    {
      Export: {
        path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        requestStream: false,
        responseStream: false,
        requestSerialize: pass,
        requestDeserialize: pass,
        responseSerialize: pass,
        responseDeserialize: pass,
      },
    },
    {
      Export(call: { request: Buffer<ArrayBuffer> }, done: (error: Error | null, response: Buffer) => void) {
        const headers = { 'content-type': 'application/x-protobuf' };
        fetch(`${receiver.url}/v1/traces`, { method: 'POST', headers, body: call.request }).then(
          () => done(null, Buffer.alloc(0)),
          (error) => done(error, Buffer.alloc(0)),
        );
      },
    },
  );
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
    error === null ? resolve(port) : reject(error),
  );
  try {
    const sink = await startSink({
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await promise}`,
    });
    sink.passage(passageOf(publish()));
    await sink.shutdown();
    expect(sink.figures()).toMatchObject({ exported: 1, dropped: 0 });
    expect(receiver.spans).toMatchObject([{ traceId: TRACE, spanId: SPAN, name: 'publish orders', kind: 'PRODUCER' }]);
  } finally {
    server.forceShutdown();
  }
});

test('headers reach the endpoint', async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  diagnostics.subscribe('http.client.request.start', function seen(message) {
    diagnostics.unsubscribe('http.client.request.start', seen);
    resolve((message as { request: { getHeader(name: string): unknown } }).request.getHeader('x-tenant'));
  });
  const sink = await startSink({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=a',
  });
  sink.passage(passageOf(publish()));
  await sink.shutdown();
  expect(await promise).toBe('a');
});

test('OTEL_TRACES_EXPORTER=console prints spans, beside OTLP if asked for, each counted', async () => {
  const print = vi.spyOn(console, 'dir').mockImplementation(() => {});
  try {
    const sink = await startSink({ OTEL_TRACES_EXPORTER: 'console,otlp', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    sink.passage(passageOf(publish()));
    await sink.shutdown();
    expect(print.mock.calls.map(([span]) => span)).toMatchObject([{ traceId: TRACE, name: 'publish orders' }]);
    expect(receiver.spans).toHaveLength(1);
    expect(sink.figures()).toMatchObject({ exported: 2, dropped: 0 });
  } finally {
    print.mockRestore();
  }
});

test.each([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector hunter2' }, 'OTEL_EXPORTER_OTLP_ENDPOINT: not a URL'],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, 'OTEL_EXPORTER_OTLP_ENDPOINT: not a URL'],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'ftp://x' }, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: not a URL'],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    'OTEL_EXPORTER_OTLP_ENDPOINT: not a URL',
  ],
])('an endpoint that is no URL (%j) is refused, not replaced by localhost', async (env, message) => {
  const failure = await startSink(env as Record<string, string>).catch((error: Error) => error.message);
  expect(failure).toContain(message);
  expect(failure).not.toContain('hunter2');
});

test('a bare host and port is fine for grpc', async () => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' };
  expect((await startSink(env)).lines).toEqual([]);
});

test.each([
  [{ OTEL_TRACES_EXPORTER: 'zipkin,otlp' }, "OTEL_TRACES_EXPORTER: 'zipkin' is not supported"],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/xml' }, "OTEL_EXPORTER_OTLP_PROTOCOL: 'http/xml' is none of"],
  [{ OTEL_BSP_MAX_QUEUE_SIZE: 'many' }, "OTEL_BSP_MAX_QUEUE_SIZE: 'many' is not a whole number above 0, using 2048"],
  [{ OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '0.5' }, "'0.5' is not a whole number above 0, using 512"],
  [{ OTEL_SPAN_EVENT_COUNT_LIMIT: '-1' }, "OTEL_SPAN_EVENT_COUNT_LIMIT: '-1' is not a whole number, using 128"],
  [{ OTEL_BSP_SCHEDULE_DELAY: '0' }, "OTEL_BSP_SCHEDULE_DELAY: '0' is not a whole number above 0, using 5000"],
])('%j is warned of and its default used', async (env, message) => {
  const sink = await startSink({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env } as Record<string, string>);
  expect(sink.lines).toEqual([{ level: 'warn', message: expect.stringContaining(message), fields: {} }]);
  sink.passage(passageOf(publish()));
  await sink.shutdown();
  expect(receiver.spans).toHaveLength(1);
});

test('a log that is only told warnings hears nothing of a healthy export', async () => {
  const log = recordingLog();
  const sink = await startSink({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }, { log });
  sink.passage(passageOf(publish()));
  await sink.shutdown();
  expect(log.lines).toEqual([]);
});
