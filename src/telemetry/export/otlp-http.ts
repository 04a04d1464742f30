import { AsyncLocalStorage } from 'node:async_hooks';
import type { AgentOptions } from 'node:https';
import { gzipSync } from 'node:zlib';
import type { ExportResult } from '@opentelemetry/core';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http';
import type { Signal } from '../traces/environment.ts';

/** How a request is written, and the answer read. */
export interface Format<Request, Response> {
  contentType: string;
  serialize(request: Request): Uint8Array;
  deserialize(bytes: Uint8Array): Response;
  countItems(request: Request): number;
}

/** What each signal is called: in variables, in URLs, in the SDK's figures of itself. */
const NAMES = {
  TRACES: { path: 'v1/traces', component: 'otlp_http_span_exporter', item: 'span' },
  METRICS: { path: 'v1/metrics', component: 'otlp_http_metric_exporter', item: 'metric_data_point' },
  LOGS: { path: 'v1/logs', component: 'otlp_http_log_exporter', item: 'log' },
} as const;

/** What the SDK calls an exporter. */
export interface OtlpExporter<Request> {
  export(request: Request, done: (result: ExportResult) => void): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/**
 * The SDK's exporter over HTTP, retries and OTEL_* variables included, but for one thing: that one streams the body in
 * chunks, which some endpoints refuse (411, 400). Here every request says how long it is.
 */
export function createOtlpHttpExporter<Request, Response>(
  format: Format<Request, Response>,
  signal: Signal = 'TRACES',
): OtlpExporter<Request> {
  const { path, component, item } = NAMES[signal];
  const options = convertLegacyHttpOptions({}, signal, path, { 'Content-Type': format.contentType });
  const isCompressed = options.compression === CompressionAlgorithm.GZIP;
  // The SDK asks for the headers of each attempt without saying of which body: that goes along with the call.
  const length = new AsyncLocalStorage<number>();
  const delegate = createOtlpHttpExportDelegate<{ bytes: Uint8Array; count: number }, Response>(
    {
      ...options,
      // it compresses while it streams, when nobody knows the length yet
      compression: CompressionAlgorithm.NONE,
      agentFactory: (protocol) => throughProxy(protocol, options.agentFactory),
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
      length.run(bytes.length, () => delegate.export({ bytes, count: format.countItems(request) }, done));
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
