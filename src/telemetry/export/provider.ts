import { randomUUID } from 'node:crypto';
import { defaultResource, detectResources, type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import { ATTR_SERVICE_INSTANCE_ID, ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';
import type { Environment } from '../traces/environment.ts';
import { wantedDetectors } from './detectors.ts';
import { createExportReport, startDiagnostics, type TracingLog } from './diagnostics.ts';
import { createDestinations, queueLimits } from './exporters.ts';
import { spanLimits } from './limits.ts';
import { ExportQueue } from './queue.ts';
import type { SpanOrigin } from './spans.ts';

/** Ours, for the resource. */
export interface Program {
  version: string;
  instance?: string;
}

export interface Provider {
  origin: SpanOrigin;
  /** One for each exporter; every span goes to each. */
  queues: ExportQueue[];
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
  program: Program,
  log: TracingLog,
): Promise<Provider> {
  // Before the exporters, which complain here.
  const stopDiagnostics = startDiagnostics(log, env);
  const limits = queueLimits(env, log);
  const report = createExportReport(log);
  const origin = {
    resource: await resourceOf(env, program),
    scope: { name: 'tracehare', version: program.version },
    limits: spanLimits(env, log),
  };
  const destinations = await createDestinations(exporterNames, env, origin, log);
  const queues = destinations.map((destination) => new ExportQueue(destination, limits, report));
  return {
    origin,
    queues,
    async shutdown() {
      const flushed = Promise.all(queues.map((queue) => queue.shutdown()));
      // At once, so that another may be started while this one flushes.
      stopDiagnostics();
      await flushed;
    },
  };
}

/** One for all signals, unless it is given: they tell of the same process. */
const INSTANCE = randomUUID();

/** Whose telemetry this is: the standard variables first, then what is known of the host, then our own defaults. */
export async function resourceOf(env: Environment, { version, instance = INSTANCE }: Program): Promise<Resource> {
  const own = defaultResource().merge(
    resourceFromAttributes({
      [ATTR_SERVICE_NAME]: 'tracehare',
      [ATTR_SERVICE_VERSION]: version,
      [ATTR_SERVICE_INSTANCE_ID]: instance,
    }),
  );
  const resource = own.merge(detectResources({ detectors: wantedDetectors(env) }));
  await resource.waitForAsyncAttributes?.();
  // What could not be found out, as a host's id in a container, is left out: the SDK would warn of it.
  const known = resource.getRawAttributes().filter(([, value]) => value !== undefined);
  const { schemaUrl } = resource;
  // of two the SDK takes the first
  return resourceFromAttributes(Object.fromEntries(known.reverse()), schemaUrl === undefined ? {} : { schemaUrl });
}
