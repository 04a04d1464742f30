import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { createOtlpHttpExporter } from './otlp-http.ts';

/** Of http/json, options from OTEL_* variables included. */
export function createJsonExporter(): SpanExporter {
  return createOtlpHttpExporter<ReadableSpan[], unknown>({
    contentType: 'application/json',
    serialize: (spans) => JsonTraceSerializer.serializeRequest(spans) ?? new Uint8Array(0),
    deserialize: (bytes) => JsonTraceSerializer.deserializeResponse(bytes),
    countItems: (spans) => spans.length,
  });
}
