import type { Config } from '../config/config.ts';
import { Exposition } from '../telemetry/exposition/exposition.ts';
import { version } from '../version.ts';

/** The exposition that a configuration asks for. */
export function exposed({
  metrics: { buckets, openTelemetryNames, maxTopics, maxEdges },
  upstream: { servers },
}: Config): Exposition {
  const [{ host, port }] = servers;
  return new Exposition({
    version,
    buckets,
    openTelemetryNames,
    maxTopics,
    maxEdges,
    // with several nobody knows which one a message went to
    ...(servers.length === 1 && { server: { address: host, port } }),
  });
}
