import type { ExportResult } from '@opentelemetry/core';
import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import {
  ConsoleMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { type Environment, text, whole } from '../traces/environment.ts';
import { createExportReport, outliveStdout, startDiagnostics, type TracingLog } from './diagnostics.ts';
import { checkOtlp } from './exporters.ts';
import { MetricSource } from './metric-source.ts';
import type { MetricPush, MetricPushOptions } from './metrics.ts';
import { metricsJson, metricsProtobuf, metricsRequest } from './metrics-request.ts';
import { resourceOf } from './provider.ts';
import { errorOf } from './sdk-exporter.ts';

/** For the last export, when the process ends. */
const SHUTDOWN_MS = 5000;

const FAILED = { items: 'exports', message: 'metrics could not be exported' };

/** Readers of the SDK, one for each exporter: they know when, MetricSource knows what. */
export async function startMetricReaders(names: string[], options: MetricPushOptions): Promise<MetricPush> {
  const { env, log, version, read } = options;
  const stopDiagnostics = startDiagnostics(log, env);
  const figures = { success: 0, failure: 0 };
  const report = createExportReport(log, undefined, FAILED);
  const isDelta = wantsDelta(env, log);
  const isExplicit = wantsExplicit(env, log);
  const { interval, timeout } = intervals(env, log);
  if (names.includes('console')) outliveStdout();
  const readers = await Promise.all(
    names.map(async (name) => {
      const source = new MetricSource({ read, scope: { name: 'tracehare', version }, isDelta, isExplicit });
      const exporter = name === 'console' ? new ConsoleMetricExporter() : await otlpExporter(env, log);
      const counted = new CountedExporter(exporter, timeout, (error) => {
        if (error === undefined) {
          figures.success++;
          source.arrived();
        } else {
          figures.failure++;
          report(error, 1);
        }
      });
      return new PeriodicExportingMetricReader({
        exportIntervalMillis: interval,
        // it only logs; that an export takes too long is found out, and counted, before
        exportTimeoutMillis: interval,
        exporter: counted,
        metricProducers: [source],
      });
    }),
  );
  const provider = new MeterProvider({ resource: await resourceOf(env, options), readers });
  return {
    figures: () => figures,
    async shutdown() {
      await provider.shutdown({ timeoutMillis: SHUTDOWN_MS }).catch(() => {});
      stopDiagnostics();
    },
  };
}

/** Tells how each export ended, if it took too long as a failure; the reader, which would log each of them, is told that all is well. */
class CountedExporter implements PushMetricExporter {
  readonly #exporter: Exporter;
  readonly #timeout: number;
  readonly #ended: (error: Error | undefined) => void;

  constructor(exporter: Exporter, timeout: number, ended: (error: Error | undefined) => void) {
    this.#exporter = exporter;
    this.#timeout = timeout;
    this.#ended = ended;
  }

  export(metrics: ResourceMetrics, done: (result: ExportResult) => void): void {
    let over = false;
    const end = (error: Error | undefined): void => {
      if (over) return;
      over = true;
      clearTimeout(patience);
      this.#ended(error);
      done({ code: 0 });
    };
    const patience = setTimeout(() => end(new Error(`no answer for ${this.#timeout} ms`)), this.#timeout).unref();
    try {
      this.#exporter.export(metrics, (result) => end(errorOf(result)));
    } catch (error) {
      end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}

type Exporter = Pick<PushMetricExporter, 'export' | 'forceFlush' | 'shutdown'>;

async function otlpExporter(env: Environment, log: TracingLog): Promise<Exporter> {
  const protocol = checkOtlp(env, 'METRICS', log);
  const isJson = protocol === 'http/json';
  const format = {
    contentType: isJson ? 'application/json' : 'application/x-protobuf',
    serialize: (metrics: ResourceMetrics) => (isJson ? metricsJson : metricsProtobuf)(metricsRequest(metrics)),
    deserialize: (bytes: Uint8Array) =>
      (isJson ? JsonMetricsSerializer : ProtobufMetricsSerializer).deserializeResponse(bytes),
    countItems: pointsIn,
  };
  if (protocol === 'grpc') return (await import('./otlp-grpc.ts')).createOtlpGrpcExporter(format, 'METRICS');
  return (await import('./otlp-http.ts')).createOtlpHttpExporter(format, 'METRICS');
}

function pointsIn({ scopeMetrics }: ResourceMetrics): number {
  return scopeMetrics.flatMap(({ metrics }) => metrics).reduce((sum, { dataPoints }) => sum + dataPoints.length, 0);
}

function wantsDelta(env: Environment, log: TracingLog): boolean {
  const variable = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE';
  const wanted = text(env[variable])?.trim().toLowerCase() ?? 'cumulative';
  if (!['cumulative', 'delta', 'lowmemory'].includes(wanted))
    log.warn(`${variable}: '${wanted}' is none of cumulative, delta, lowmemory; using the first`);
  // low memory differs for asynchronous counters alone, of which there are none
  return wanted === 'delta' || wanted === 'lowmemory';
}

const EXPLICIT = 'explicit_bucket_histogram';
const EXPONENTIAL = 'base2_exponential_bucket_histogram';

function wantsExplicit(env: Environment, log: TracingLog): boolean {
  const variable = 'OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION';
  const wanted = text(env[variable])?.trim().toLowerCase() ?? EXPONENTIAL;
  if (wanted !== EXPLICIT && wanted !== EXPONENTIAL)
    log.warn(`${variable}: '${wanted}' is none of ${EXPLICIT}, ${EXPONENTIAL}; using the last`);
  return wanted === EXPLICIT;
}

function intervals(env: Environment, log: TracingLog): { interval: number; timeout: number } {
  const interval = whole(env, 'OTEL_METRIC_EXPORT_INTERVAL', 1, 60_000, log);
  const timeout = whole(env, 'OTEL_METRIC_EXPORT_TIMEOUT', 1, 30_000, log);
  return { interval, timeout: Math.min(timeout, interval) };
}
