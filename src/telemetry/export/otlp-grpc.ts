import { convertLegacyOtlpGrpcOptions, createOtlpGrpcExportDelegate } from '@opentelemetry/otlp-grpc-exporter-base';
import type { Signal } from '../traces/environment.ts';
import type { Format, OtlpExporter } from './otlp-http.ts';

const NAMES = {
  METRICS: { service: 'Metrics', component: 'otlp_grpc_metric_exporter', item: 'metric_data_point' },
  LOGS: { service: 'Logs', component: 'otlp_grpc_log_exporter', item: 'log' },
} as const;

/** The SDK's exporter over gRPC, retries and OTEL_* variables included, but for who writes the bytes. */
export function createOtlpGrpcExporter<Request, Response>(
  { serialize, deserialize, countItems }: Omit<Format<Request, Response>, 'contentType'>,
  signal: Exclude<Signal, 'TRACES'>,
): OtlpExporter<Request> {
  const { service, component, item } = NAMES[signal];
  const path = `/opentelemetry.proto.collector.${service.toLowerCase()}.v1.${service}Service/Export`;
  return createOtlpGrpcExportDelegate<Request, Response>(
    convertLegacyOtlpGrpcOptions({}, signal),
    { serializeRequest: serialize, deserializeResponse: deserialize },
    component,
    { name: item, countItems },
    undefined,
    `${service}ExportService`,
    path,
  );
}
