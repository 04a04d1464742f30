import { readFileSync } from 'node:fs';
import type { Environment } from '../traces/environment.ts';
import { otlpEndpoint, otlpProtocol, type Signal, text, whole } from '../traces/environment.ts';
import { outliveStdout, type TracingLog } from './diagnostics.ts';
import type { Destination, QueueLimits } from './queue.ts';
import { SdkDestination } from './sdk-exporter.ts';
import type { SpanOrigin } from './spans.ts';

/** A variable that can't be obeyed; `message` is the one line that says which and why. */
export class VariableError extends Error {
  override name = 'VariableError';
  readonly code = 'ERR_OTEL_VARIABLE';
}

/**
 * The exporters of the given names. They read their OTEL_EXPORTER_OTLP_* variables (endpoint,
 * headers, certificates, compression, timeout) from `process.env` themselves.
 * Throws VariableError if the endpoint is no URL or a file can't be read: the SDK would go to localhost instead, and
 * trust whom it likes.
 */
export function createDestinations(
  names: string[],
  env: Environment,
  origin: SpanOrigin,
  log: TracingLog,
): Promise<Destination[]> {
  return Promise.all(
    names.map((name) => (name === 'console' ? consoleOutput(origin) : otlpEndpointOf(env, origin, log))),
  );
}

async function consoleOutput(origin: SpanOrigin): Promise<Destination> {
  const { ConsoleSpanExporter } = await import('@opentelemetry/sdk-trace');
  outliveStdout();
  return new SdkDestination(new ConsoleSpanExporter(), origin);
}

async function otlpEndpointOf(env: Environment, origin: SpanOrigin, log: TracingLog): Promise<Destination> {
  switch (checkOtlp(env, 'TRACES', log)) {
    case 'grpc': {
      const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-grpc');
      return new SdkDestination(new OTLPTraceExporter(), origin);
    }
    case 'http/json': {
      const { createJsonExporter } = await import('./otlp-json.ts');
      return new SdkDestination(createJsonExporter(), origin);
    }
    default: {
      const { ProtobufDestination } = await import('./otlp.ts');
      return new ProtobufDestination(origin);
    }
  }
}

const PROTOCOLS = ['grpc', 'http/json', 'http/protobuf'] as const;

/** The protocol of a signal, once its variables are found to be of use. Throws VariableError if they are not. */
export function checkOtlp(env: Environment, signal: Signal, log: TracingLog): (typeof PROTOCOLS)[number] {
  const wanted = otlpProtocol(env, signal);
  const protocol = PROTOCOLS.find((each) => each === wanted);
  if (protocol === undefined)
    log.warn(`OTEL_EXPORTER_OTLP_PROTOCOL: '${wanted}' is none of ${PROTOCOLS.join(', ')}; using the last`);
  checkEndpoint(env, signal, wanted);
  checkFiles(env, signal);
  return protocol ?? 'http/protobuf';
}

function checkEndpoint(env: Environment, signal: Signal, protocol: string): void {
  const endpoint = otlpEndpoint(env, signal);
  if (endpoint === undefined) return;
  const grpc = protocol === 'grpc';
  // gRPC endpoints may be a bare host:port.
  const url = URL.parse(grpc && !endpoint.value.includes('://') ? `https://${endpoint.value}` : endpoint.value);
  const schemes = grpc ? ['http:', 'https:', 'unix:'] : ['http:', 'https:'];
  if (url !== null && schemes.includes(url.protocol)) return;
  // The value is not repeated: an address may hold a password.
  throw new VariableError(`${endpoint.variable}: not a URL such as http://127.0.0.1:${grpc ? 4317 : 4318}`);
}

function checkFiles(env: Environment, signal: Signal): void {
  for (const name of ['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY']) {
    const own = `OTEL_EXPORTER_OTLP_${signal}_${name}`;
    const variable = text(env[own]) === undefined ? `OTEL_EXPORTER_OTLP_${name}` : own;
    const path = text(env[variable])?.trim();
    if (path === undefined) continue;
    try {
      readFileSync(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new VariableError(`${variable}: ${path}: ${code === 'ENOENT' ? 'no such file' : `not readable: ${code}`}`);
    }
  }
}

/** `of`: spans (BSP), or log records (BLRP), which by default wait less long. */
export function queueLimits(env: Environment, log: TracingLog, of: 'BSP' | 'BLRP' = 'BSP'): QueueLimits {
  const maxQueueSize = whole(env, `OTEL_${of}_MAX_QUEUE_SIZE`, 1, 2048, log);
  return {
    maxQueueSize,
    maxExportBatchSize: Math.min(maxQueueSize, whole(env, `OTEL_${of}_MAX_EXPORT_BATCH_SIZE`, 1, 512, log)),
    scheduledDelayMillis: whole(env, `OTEL_${of}_SCHEDULE_DELAY`, 1, of === 'BSP' ? 5000 : 1000, log),
    exportTimeoutMillis: whole(env, `OTEL_${of}_EXPORT_TIMEOUT`, 1, 30_000, log),
  };
}
