import type { Environment } from '../traces/environment.ts';
import { wantedPushers } from '../traces/environment.ts';
import type { TracingLog } from './diagnostics.ts';
import type { ReadMetrics } from './metric-source.ts';

/** Counts of exports since the start. */
export interface MetricExportFigures {
  success: number;
  failure: number;
}

/** Metrics on their way to whoever the OTEL_* variables name. */
export interface MetricPush {
  figures(): MetricExportFigures;
  /** Exports once more, for as long as an export may take. Never rejects. */
  shutdown(): Promise<void>;
}

export interface MetricPushOptions {
  /** `process.env`: parts of it are read by the SDK itself, from there. */
  env: Environment;
  /** Tracehare's, for service.version. */
  version: string;
  /** service.instance.id, unless OTEL_RESOURCE_ATTRIBUTES say another */
  instance?: string;
  log: TracingLog;
  read: ReadMetrics;
}

const NOWHERE: MetricPush = { figures: () => ({ success: 0, failure: 0 }), shutdown: async () => {} };

/** The SDK is loaded here and only if metrics go anywhere but to those who scrape. Rejects with a clear line if the variables are wrong. */
export async function createMetricPush(options: MetricPushOptions): Promise<MetricPush> {
  const names = wantedPushers(options.env, 'METRICS', options.log);
  if (names.length === 0) return NOWHERE;
  const { startMetricReaders } = await import('./metric-readers.ts');
  return startMetricReaders(names, options);
}
