import { type HrTime, SeverityNumber, TraceFlags } from '@opentelemetry/api';
import { cleanAttributes } from '@opentelemetry/core';
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { ConsoleLogRecordExporter, type LogRecordExporter, type ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { type Environment, text, whole } from '../traces/environment.ts';
import { createExportReport, outliveStdout, startDiagnostics, type TracingLog } from './diagnostics.ts';
import { checkOtlp, queueLimits } from './exporters.ts';
import type { LogRecordOptions, LogRecords, Severity, Told } from './log-records.ts';
import { resourceOf } from './provider.ts';
import { type Batch, type Destination, ExportQueue } from './queue.ts';
import { errorOf } from './sdk-exporter.ts';

const FAILED = { items: 'records', message: 'log records could not be exported and were dropped' };
const SHUTDOWN_MS = 5000;

const SEVERITIES: Record<Severity, SeverityNumber> = {
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
  fatal: SeverityNumber.FATAL,
};

/** A queue for each exporter, bounded and counted as those of spans. */
export async function startLogRecords(names: string[], options: LogRecordOptions): Promise<LogRecords> {
  const { env, log, version } = options;
  const stopDiagnostics = startDiagnostics(log, env);
  const limits = queueLimits(env, log, 'BLRP');
  const attributeLimits = recordLimits(env, log);
  const report = createExportReport(log, undefined, FAILED);
  const resource = await resourceOf(env, options);
  // one object for all: the serializers group by it
  const instrumentationScope = { name: 'tracehare', version };
  if (names.includes('console')) outliveStdout();
  const exporters = await Promise.all(
    names.map((name) => (name === 'console' ? new ConsoleLogRecordExporter() : otlpExporter(env, log))),
  );
  const queues = exporters.map((exporter) => new ExportQueue(new LogDestination(exporter), limits, report));

  function recordOf({ event, severity, body, attributes, at, traceId, spanId, sampled }: Told): ReadableLogRecord {
    const hrTime: HrTime = [Math.floor(at / 1e6), Math.round((at % 1e6) * 1000)];
    const now = Date.now();
    const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
    const { attributes: kept = {}, droppedAttributesCount = 0 } = cleanAttributes(attributes, attributeLimits);
    return {
      hrTime,
      hrTimeObserved: [Math.floor(now / 1000), (now % 1000) * 1e6],
      severityNumber: SEVERITIES[severity],
      severityText: severity.toUpperCase(),
      body,
      eventName: event,
      resource,
      instrumentationScope,
      attributes: kept,
      droppedAttributesCount,
      ...(traceId !== '' && { spanContext: { traceId, spanId, traceFlags } }),
    };
  }

  return {
    isQuiet: false,
    tell(told) {
      const record = recordOf(told);
      for (const queue of queues) queue.add(record);
    },
    figures: () => ({
      exported: queues.reduce((sum, { exported }) => sum + exported, 0),
      dropped: queues.reduce((sum, { dropped }) => sum + dropped, 0),
    }),
    async shutdown() {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, SHUTDOWN_MS);
      await Promise.race([Promise.all(queues.map((queue) => queue.shutdown())).catch(() => {}), late]);
      clearTimeout(timer);
      for (const queue of queues) queue.abandon();
      stopDiagnostics();
    },
  };
}

type Exporter = Pick<LogRecordExporter, 'export' | 'shutdown'>;

class LogDestination implements Destination<ReadableLogRecord> {
  readonly #exporter: Exporter;

  constructor(exporter: Exporter) {
    this.#exporter = exporter;
  }

  begin(): Batch<ReadableLogRecord> {
    const records: ReadableLogRecord[] = [];
    return {
      get count() {
        return records.length;
      },
      add: (record) => void records.push(record),
      send: (done) => this.#exporter.export(records, (result) => done(errorOf(result))),
    };
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}

async function otlpExporter(env: Environment, log: TracingLog): Promise<Exporter> {
  const protocol = checkOtlp(env, 'LOGS', log);
  const isJson = protocol === 'http/json';
  const serializer = isJson ? JsonLogsSerializer : ProtobufLogsSerializer;
  const format = {
    contentType: isJson ? 'application/json' : 'application/x-protobuf',
    serialize: (records: ReadableLogRecord[]) => serializer.serializeRequest(records) ?? new Uint8Array(0),
    deserialize: (bytes: Uint8Array) => serializer.deserializeResponse(bytes),
    countItems: (records: ReadableLogRecord[]) => records.length,
  };
  if (protocol === 'grpc') return (await import('./otlp-grpc.ts')).createOtlpGrpcExporter(format, 'LOGS');
  return (await import('./otlp-http.ts')).createOtlpHttpExporter(format, 'LOGS');
}

function recordLimits(env: Environment, log: TracingLog) {
  const limit = (name: string, least: 0 | 1, fallback: number): number => {
    const own = `OTEL_LOGRECORD_ATTRIBUTE_${name}`;
    return whole(env, text(env[own]) === undefined ? `OTEL_ATTRIBUTE_${name}` : own, least, fallback, log);
  };
  return {
    attributeCountLimit: limit('COUNT_LIMIT', 0, 128),
    attributeValueLengthLimit: limit('VALUE_LENGTH_LIMIT', 1, Number.POSITIVE_INFINITY),
  };
}
