import { randomUUID } from 'node:crypto';
import { DiagLogLevel, diag, type Tracer } from '@opentelemetry/api';
import { getNumberFromEnv } from '@opentelemetry/core';
import { defaultResource, detectResources, type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOnSampler, type SpanLimits, TracerProvider } from '@opentelemetry/sdk-trace';
import { ATTR_SERVICE_INSTANCE_ID, ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';
import { CountedBatch } from './batch.ts';
import { wantedDetectors } from './detectors.ts';
import { createDiagLogger, createExportReport, type TracingLog } from './diagnostics.ts';
import type { Environment } from './environment.ts';
import { batchLimits, createExporters } from './exporters.ts';
import { GivenIds } from './spans.ts';

export interface Provider {
  tracer: Tracer;
  /** Set before each span: it gets these ids. */
  ids: GivenIds;
  /** One for each exporter; every span goes to each. */
  batches: CountedBatch[];
  /** Flushes for as long as the exporters need. */
  shutdown(): Promise<void>;
}

/**
 * Starts the OpenTelemetry SDK: the one place that loads it, imported when there is something to export.
 * Of its parts, for the whole (sdk-node) also loads metrics, logs, gRPC and instrumentation: 15 MiB and
 * 0.2 s that nothing here needs.
 */
export async function startProvider(
  exporterNames: string[],
  env: Environment,
  version: string,
  log: TracingLog,
): Promise<Provider> {
  // before the others, which complain here
  diag.setLogger(createDiagLogger(log), { logLevel: diagLevel(env.OTEL_LOG_LEVEL), suppressOverrideMessage: true });
  const ids = new GivenIds();
  const limits = batchLimits(env, log);
  const report = createExportReport(log);
  const [resource, exporters] = await Promise.all([resourceOf(env, version), createExporters(exporterNames, env, log)]);
  const batches = exporters.map((exporter) => new CountedBatch(exporter, limits, report));
  const provider = new TracerProvider({
    resource,
    idGenerator: ids,
    // Decided on the traffic thread, before there was a span.
    sampler: new AlwaysOnSampler(),
    spanLimits: spanLimits(),
    spanProcessors: batches,
  });
  return {
    tracer: provider.getTracer('tracehare', version),
    ids,
    batches,
    shutdown() {
      const flushed = provider.shutdown();
      // At once, so that another may be started while this one flushes.
      diag.disable();
      return flushed;
    },
  };
}

/** Whose spans these are: the standard variables first, then what is known of the host, then our own defaults. */
async function resourceOf(env: Environment, version: string): Promise<Resource> {
  const own = defaultResource().merge(
    resourceFromAttributes({
      [ATTR_SERVICE_NAME]: 'tracehare',
      [ATTR_SERVICE_VERSION]: version,
      [ATTR_SERVICE_INSTANCE_ID]: randomUUID(),
    }),
  );
  const resource = own.merge(detectResources({ detectors: wantedDetectors(env) }));
  // Until it is complete the SDK takes batches out of its queue without handing them to the exporter.
  await resource.waitForAsyncAttributes?.();
  return resource;
}

/** By their variables, the first that is set, as the SDK for Node reads them. */
const SPAN_LIMITS: Record<keyof SpanLimits, string[]> = {
  attributeCountLimit: ['OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', 'OTEL_ATTRIBUTE_COUNT_LIMIT'],
  attributeValueLengthLimit: ['OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT'],
  eventCountLimit: ['OTEL_SPAN_EVENT_COUNT_LIMIT'],
  linkCountLimit: ['OTEL_SPAN_LINK_COUNT_LIMIT'],
  attributePerEventCountLimit: ['OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT', 'OTEL_SPAN_ATTRIBUTE_PER_EVENT_COUNT_LIMIT'],
  attributePerLinkCountLimit: ['OTEL_LINK_ATTRIBUTE_COUNT_LIMIT', 'OTEL_SPAN_ATTRIBUTE_PER_LINK_COUNT_LIMIT'],
};

function spanLimits(): SpanLimits {
  const limits: SpanLimits = {};
  for (const [limit, variables] of Object.entries(SPAN_LIMITS)) {
    const value = variables.map(getNumberFromEnv).find((value) => value !== undefined);
    if (value !== undefined) limits[limit as keyof SpanLimits] = value;
  }
  return limits;
}

function diagLevel(name: string | undefined): DiagLogLevel {
  const level = DiagLogLevel[(name?.trim().toUpperCase() ?? '') as keyof typeof DiagLogLevel];
  return level ?? DiagLogLevel.WARN;
}
