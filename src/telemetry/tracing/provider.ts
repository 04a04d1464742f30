import { randomUUID } from 'node:crypto';
import { context, DiagLogLevel, diag, logs, type Tracer, trace } from '@opentelemetry/api';
import {
  defaultResource,
  detectResources,
  envDetector,
  hostDetector,
  osDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { AlwaysOnSampler, type SpanProcessor } from '@opentelemetry/sdk-trace';
import { ATTR_SERVICE_INSTANCE_ID, ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';
import { CountedBatch } from './batch.ts';
import { createDiagLogger, createExportReport, type TracingLog } from './diagnostics.ts';
import { type Environment, text } from './environment.ts';
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

/** Starts the OpenTelemetry SDK: the one place that loads it, imported when there is something to export. */
export async function startProvider(
  exporterNames: string[],
  env: Environment,
  version: string,
  log: TracingLog,
): Promise<Provider> {
  const ids = new GivenIds();
  const batches: SpanProcessor[] = [];
  const sdk = new NodeSDK({
    ...(await resourceOf(env, version)),
    idGenerator: ids,
    // Decided on the traffic thread, before there was a span.
    sampler: new AlwaysOnSampler(),
    spanProcessors: batches,
    logRecordProcessors: [],
    metricReaders: [],
    textMapPropagator: null,
  });
  // Only now, as NodeSDK's constructor sets a console logger; and before the exporters, which complain here.
  diag.setLogger(createDiagLogger(log), { logLevel: diagLevel(env.OTEL_LOG_LEVEL), suppressOverrideMessage: true });
  const limits = batchLimits(env, log);
  const report = createExportReport(log);
  const counted = (await createExporters(exporterNames, env, log)).map(
    (exporter) => new CountedBatch(exporter, limits, report),
  );
  // start() reads the array it was given.
  batches.push(...counted);
  sdk.start();
  return { tracer: trace.getTracer('tracehare', version), ids, batches: counted, shutdown: () => stop(sdk) };
}

/** Whose spans these are: the standard variables first, then what is known of the host, then our own defaults. */
async function resourceOf(env: Environment, version: string) {
  const own = defaultResource().merge(
    resourceFromAttributes({
      [ATTR_SERVICE_NAME]: 'tracehare',
      [ATTR_SERVICE_VERSION]: version,
      [ATTR_SERVICE_INSTANCE_ID]: randomUUID(),
    }),
  );
  if (text(env.OTEL_NODE_RESOURCE_DETECTORS) !== undefined) return { resource: own };
  // Not the process detector: it exports the command line, where a flag may hold a token.
  const resource = own.merge(detectResources({ detectors: [hostDetector, osDetector, envDetector] }));
  // Until it is complete the SDK takes batches out of its queue without handing them to the exporter.
  await resource.waitForAsyncAttributes?.();
  return { resource, autoDetectResources: false };
}

/** Unregisters what the SDK made global at once, so that another may be started while this one flushes. */
function stop(sdk: NodeSDK): Promise<void> {
  const flushed = sdk.shutdown();
  for (const api of [trace, logs, context, diag]) api.disable();
  return flushed;
}

function diagLevel(name: string | undefined): DiagLogLevel {
  const level = DiagLogLevel[(name?.trim().toUpperCase() ?? '') as keyof typeof DiagLogLevel];
  return level ?? DiagLogLevel.WARN;
}
