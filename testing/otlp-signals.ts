import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

// A receiver of metrics and log records over OTLP: http/protobuf, http/json and gRPC.

export type Attributes = Record<string, string | number | boolean>;

export interface ReceivedExponential {
  scale: number;
  zeroCount: number;
  zeroThreshold: number;
  offset: number;
  counts: number[];
}

export interface ReceivedPoint {
  name: string;
  unit: string;
  kind: 'gauge' | 'sum' | 'histogram' | 'exponential';
  temporality: 'delta' | 'cumulative' | undefined;
  attributes: Attributes;
  start: bigint;
  time: bigint;
  /** of a gauge or sum */
  value: number | undefined;
  count: number;
  sum: number;
  bounds: number[];
  counts: number[];
  exponential: ReceivedExponential | undefined;
  exemplars: { traceId: string; spanId: string; value: number; time: bigint }[];
}

export interface ReceivedLog {
  time: bigint;
  severity: number;
  severityText: string;
  eventName: string;
  body: string;
  attributes: Attributes;
  traceId: string;
  spanId: string;
}

export interface SignalReceiver {
  url: string;
  /** what came in each request of metrics */
  metrics: ReceivedPoint[][];
  logs: ReceivedLog[];
  resources: Attributes[];
  headers: IncomingHttpHeaders[];
  /** answer from now on; 200 at first */
  status: number;
  close(): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: decoded by a schema that has no types
type Decoded = any;

const schema = protobuf.parse(readFileSync(new URL('./otlp.proto', import.meta.url), 'utf8')).root;
const TYPES = {
  '/v1/metrics': schema.lookupType('ExportMetricsServiceRequest'),
  '/v1/logs': schema.lookupType('ExportLogsServiceRequest'),
};
type Path = keyof typeof TYPES;

const decoded = (path: Path, bytes: Buffer): Decoded =>
  TYPES[path].toObject(TYPES[path].decode(bytes), { longs: String, defaults: false });

/** Over HTTP, or TLS with these options. */
export async function startSignalReceiver(tls?: ServerOptions): Promise<SignalReceiver> {
  const receiver = emptyReceiver();
  const listener: RequestListener = async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    receiver.headers.push(request.headers);
    const path = request.url as Path;
    if (receiver.status !== 200 || !(path in TYPES)) {
      response.writeHead(path in TYPES ? receiver.status : 404).end();
      return;
    }
    const whole = Buffer.concat(chunks);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(whole) : whole;
    const isJson = request.headers['content-type'] === 'application/json';
    take(receiver, path, isJson ? JSON.parse(body.toString()) : decoded(path, body));
    response.writeHead(200, { 'content-type': request.headers['content-type'] }).end(isJson ? '{}' : undefined);
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  receiver.url = `http${tls ? 's' : ''}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  receiver.close = async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  return receiver;
}

export async function startGrpcReceiver(): Promise<SignalReceiver> {
  const receiver = emptyReceiver();
  const server = new Server();
  for (const [name, path] of [
    ['metrics', '/v1/metrics'],
    ['logs', '/v1/logs'],
  ] as const) {
    const service = `${name[0].toUpperCase()}${name.slice(1)}Service`;
    server.addService(
      {
        Export: {
          path: `/opentelemetry.proto.collector.${name}.v1.${service}/Export`,
          requestStream: false,
          responseStream: false,
          requestSerialize: (bytes: Buffer) => bytes,
          requestDeserialize: (bytes: Buffer) => bytes,
          responseSerialize: (bytes: Buffer) => bytes,
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      },
      {
        Export(call: { request: Buffer }, answer: (error: null, bytes: Buffer) => void) {
          take(receiver, path, decoded(path, call.request));
          answer(null, Buffer.alloc(0));
        },
      },
    );
  }
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
    error === null ? resolve(port) : reject(error),
  );
  receiver.url = `http://127.0.0.1:${await promise}`;
  receiver.close = async () => server.forceShutdown();
  return receiver;
}

const emptyReceiver = (): SignalReceiver => ({
  url: '',
  metrics: [],
  logs: [],
  resources: [],
  headers: [],
  status: 200,
  close: async () => {},
});

function take(receiver: SignalReceiver, path: Path, request: Decoded): void {
  const all = path === '/v1/logs' ? request.resourceLogs : request.resourceMetrics;
  for (const { resource } of all ?? []) receiver.resources.push(attributes(resource?.attributes));
  if (path === '/v1/logs') {
    for (const { scopeLogs } of all ?? [])
      for (const { logRecords } of scopeLogs) receiver.logs.push(...logRecords.map(logOf));
    return;
  }
  const points: ReceivedPoint[] = [];
  for (const { scopeMetrics } of all ?? [])
    for (const { metrics } of scopeMetrics) for (const metric of metrics) points.push(...pointsOf(metric));
  receiver.metrics.push(points);
}

function pointsOf(metric: Decoded): ReceivedPoint[] {
  const { name, unit = '', gauge, sum, histogram, exponentialHistogram } = metric;
  const [kind, data] = gauge
    ? (['gauge', gauge] as const)
    : sum
      ? (['sum', sum] as const)
      : histogram
        ? (['histogram', histogram] as const)
        : (['exponential', exponentialHistogram] as const);
  const temporality = ([undefined, 'delta', 'cumulative'] as const)[data.aggregationTemporality ?? 0];
  return data.dataPoints.map((point: Decoded) => ({
    name,
    unit,
    kind,
    temporality,
    attributes: attributes(point.attributes),
    start: BigInt(point.startTimeUnixNano ?? 0),
    time: BigInt(point.timeUnixNano),
    value: kind === 'gauge' || kind === 'sum' ? Number(point.asDouble ?? point.asInt ?? 0) : undefined,
    count: Number(point.count ?? 0),
    sum: point.sum ?? 0,
    bounds: point.explicitBounds ?? [],
    counts: (point.bucketCounts ?? []).map(Number),
    exponential:
      kind === 'exponential'
        ? {
            scale: point.scale ?? 0,
            zeroCount: Number(point.zeroCount ?? 0),
            zeroThreshold: point.zeroThreshold ?? 0,
            offset: point.positive?.offset ?? 0,
            counts: (point.positive?.bucketCounts ?? []).map(Number),
          }
        : undefined,
    exemplars: (point.exemplars ?? []).map((exemplar: Decoded) => ({
      traceId: hex(exemplar.traceId),
      spanId: hex(exemplar.spanId),
      value: exemplar.asDouble,
      time: BigInt(exemplar.timeUnixNano),
    })),
  }));
}

const logOf = (record: Decoded): ReceivedLog => ({
  time: BigInt(record.timeUnixNano ?? 0),
  severity: record.severityNumber ?? 0,
  severityText: record.severityText ?? '',
  eventName: record.eventName ?? '',
  body: record.body?.stringValue ?? '',
  attributes: attributes(record.attributes),
  traceId: hex(record.traceId ?? ''),
  spanId: hex(record.spanId ?? ''),
});

const hex = (id: string | Uint8Array): string => (typeof id === 'string' ? id : Buffer.from(id).toString('hex'));

function attributes(pairs: Decoded[] = []): Attributes {
  return Object.fromEntries(
    pairs.map(({ key, value: { stringValue, boolValue, intValue, doubleValue } }) => [
      key,
      intValue === undefined ? (stringValue ?? boolValue ?? doubleValue ?? '') : Number(intValue),
    ]),
  );
}

/** All that is in a request of metrics, with what it leaves out because it is empty. */
export function contentOfMetrics(body: Buffer): Record<string, unknown> {
  const type = TYPES['/v1/metrics'];
  return type.toObject(type.decode(body), { longs: String, bytes: String, defaults: true });
}
