import { diag } from '@opentelemetry/api';
import {
  envDetector,
  hostDetector,
  osDetector,
  processDetector,
  type ResourceDetector,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources';
import { type Environment, text } from '../traces/environment.ts';

/** By their names in OTEL_NODE_RESOURCE_DETECTORS. */
const DETECTORS = new Map<string, ResourceDetector>([
  ['host', hostDetector],
  ['os', osDetector],
  ['serviceinstance', serviceInstanceIdDetector],
  ['process', processDetector],
  ['env', envDetector],
]);

/** What finds out about the host, as OTEL_NODE_RESOURCE_DETECTORS wants it. */
export function wantedDetectors(env: Environment): ResourceDetector[] {
  const names = text(env.OTEL_NODE_RESOURCE_DETECTORS)
    ?.split(',')
    .map((name) => name.trim());
  // Not the process detector: it exports the command line, where a flag may hold a token.
  if (names === undefined) return [hostDetector, osDetector, envDetector];
  if (names.includes('all')) return [...DETECTORS.values()];
  if (names.includes('none')) return [];
  return names.flatMap((name) => {
    const detector = DETECTORS.get(name);
    if (detector === undefined && name !== '')
      diag.warn(`OTEL_NODE_RESOURCE_DETECTORS: no detector is named '${name}'`);
    return detector ?? [];
  });
}
