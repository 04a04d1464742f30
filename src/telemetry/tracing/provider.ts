import { randomUUID } from 'node:crypto';
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { defaultResource, detectResources, type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import { ATTR_SERVICE_INSTANCE_ID, ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';
import { CountedBatch } from './batch.ts';
import { wantedDetectors } from './detectors.ts';
import { createDiagLogger, createExportReport, type TracingLog } from './diagnostics.ts';
import type { Environment } from './environment.ts';
import { batchLimits, createExporters } from './exporters.ts';
import { spanLimits } from './limits.ts';
import type { SpanOrigin } from './spans.ts';

export interface Provider {
  origin: SpanOrigin;
  /** One for each exporter; every span goes to each. */
  batches: CountedBatch[];
  /** Flushes for as long as the exporters need. */
  shutdown(): Promise<void>;
}

/**
 * Starts what is needed of the OpenTelemetry SDK, imported when there is something to export. Of its parts,
 * for the whole (sdk-node) also loads metrics, logs, gRPC and instrumentation: 15 MiB and 0.2 s that nothing
 * here needs.
 */
export async function startProvider(
  exporterNames: string[],
  env: Environment,
  version: string,
  log: TracingLog,
): Promise<Provider> {
  // Before the exporters, which complain here.
  diag.setLogger(createDiagLogger(log), { logLevel: diagLevel(env.OTEL_LOG_LEVEL), suppressOverrideMessage: true });
  const limits = batchLimits(env, log);
  const report = createExportReport(log);
  const [resource, exporters] = await Promise.all([resourceOf(env, version), createExporters(exporterNames, env, log)]);
  const batches = exporters.map((exporter) => new CountedBatch(exporter, limits, report));
  return {
    origin: { resource, scope: { name: 'tracehare', version }, limits: spanLimits(env, log) },
    batches,
    async shutdown() {
      const flushed = Promise.all(batches.map((batch) => batch.shutdown()));
      // At once, so that another may be started while this one flushes.
      diag.disable();
      await flushed;
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

function diagLevel(name: string | undefined): DiagLogLevel {
  const level = DiagLogLevel[(name?.trim().toUpperCase() ?? '') as keyof typeof DiagLogLevel];
  return level ?? DiagLogLevel.WARN;
}
