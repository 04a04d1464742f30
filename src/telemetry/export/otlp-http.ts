import { AsyncLocalStorage } from 'node:async_hooks';
import type { Agent } from 'node:http';
import type { AgentOptions } from 'node:https';
import { gzipSync } from 'node:zlib';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http';
import { type Signal, whole } from '../traces/environment.ts';

/** How a request is written, and the answer read. */
export interface Format<Request, Response> {
  contentType: string;
  serialize(request: Request): Uint8Array;
  deserialize(bytes: Uint8Array): Response;
  countItems(request: Request): number;
}

/**
 * What each signal is called: in URLs, in the SDK's figures of itself; and the variables that say after how long the next
 * export begins, when none of this one may be left.
 */
const NAMES = {
  TRACES: {
    path: 'v1/traces',
    component: 'otlp_http_span_exporter',
    item: 'span',
    limits: ['OTEL_BSP_EXPORT_TIMEOUT'],
  },
  METRICS: {
    path: 'v1/metrics',
    component: 'otlp_http_metric_exporter',
    item: 'metric_data_point',
    limits: ['OTEL_METRIC_EXPORT_TIMEOUT', 'OTEL_METRIC_EXPORT_INTERVAL'],
  },
  LOGS: { path: 'v1/logs', component: 'otlp_http_log_exporter', item: 'log', limits: ['OTEL_BLRP_EXPORT_TIMEOUT'] },
} as const;
/** What is wrong with a variable is told by whoever reads it for itself. */
const QUIET = { warn() {} };

/** What the SDK calls an exporter. */
export interface OtlpExporter<Request> {
  export(request: Request, done: (result: ExportResult) => void): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/**
 * The SDK's exporter over HTTP, retries and OTEL_* variables included, but for two things. That one streams the body in
 * chunks, which some endpoints refuse (411, 400): here every request says how long it is. And it gives up where nothing
 * comes for the time that an export may take, not where an endpoint sends a byte now and then, whose connections would
 * pile up until no export is possible any more: here they end with that time.
 */
export function createOtlpHttpExporter<Request, Response>(
  format: Format<Request, Response>,
  signal: Signal = 'TRACES',
): OtlpExporter<Request> {
  const { path, component, item, limits } = NAMES[signal];
  const options = convertLegacyHttpOptions({}, signal, path, { 'Content-Type': format.contentType });
  const allowed = limits.map((name) => whole(process.env, name, 1, Number.POSITIVE_INFINITY, QUIET));
  const timeoutMillis = Math.min(options.timeoutMillis, ...allowed);
  let agent: Agent | undefined;
  const isCompressed = options.compression === CompressionAlgorithm.GZIP;
  // The SDK asks for the headers of each attempt without saying of which body: that goes along with the call.
  const length = new AsyncLocalStorage<number>();
  const delegate = createOtlpHttpExportDelegate<{ bytes: Uint8Array; count: number }, Response>(
    {
      ...options,
      timeoutMillis,
      // it compresses while it streams, when nobody knows the length yet
      compression: CompressionAlgorithm.NONE,
      agentFactory: async (protocol) => {
        agent = await throughProxy(protocol, options.agentFactory);
        return agent;
      },
      headers: async () => ({
        ...(await options.headers()),
        ...(isCompressed && { 'Content-Encoding': 'gzip' }),
        'Content-Length': String(length.getStore()),
      }),
    },
    { serializeRequest: ({ bytes }) => bytes, deserializeResponse: (bytes) => format.deserialize(bytes) },
    component,
    { name: item, countItems: ({ count }) => count },
    undefined,
  );
  return {
    export(request, done) {
      const plain = format.serialize(request);
      const bytes = isCompressed ? gzipSync(plain) : plain;
      let isLate = false;
      // again and again, for an attempt may just have begun
      const patience = setInterval(() => {
        isLate = true;
        agent?.destroy();
      }, timeoutMillis).unref();
      const end = (result: ExportResult): void => {
        clearInterval(patience);
        const error = new Error(`no whole answer within ${timeoutMillis} ms`);
        done(isLate ? { code: ExportResultCode.FAILED, error } : result);
      };
      length.run(bytes.length, () => delegate.export({ bytes, count: format.countItems(request) }, end));
    },
    forceFlush: () => delegate.forceFlush(),
    shutdown: () => delegate.shutdown(),
  };
}

type AgentFactory = ReturnType<typeof convertLegacyHttpOptions>['agentFactory'];

/** The SDK's agent, certificates and all; if the environment names a proxy, one that goes through that. */
async function throughProxy(protocol: string, made: AgentFactory): Promise<Awaited<ReturnType<AgentFactory>>> {
  const agent = await made(protocol);
  const { env } = process;
  if (!['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy'].some((name) => env[name])) return agent;
  const { Agent } = await (protocol === 'http:' ? import('node:http') : import('node:https'));
  const { options } = agent as unknown as { options: AgentOptions };
  return new Agent({ ...options, keepAlive: true, proxyEnv: env });
}
