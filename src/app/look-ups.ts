import type { ConnectionsQuery, TraceSpan } from '../api.ts';
import type { SpanSink } from '../telemetry/export/sink.ts';
import type { FoundConnections } from '../threads/control.ts';
import type { TrafficThread } from '../threads/traffic-thread.ts';
import type { Identity } from './sidecar-view.ts';

/** What of OpenTelemetry makes spans of it is loaded when somebody looks. */
export async function keptTrace(sink: SpanSink, traceId: string, identity: Identity): Promise<TraceSpan[]> {
  const sources = sink.kept.get(traceId);
  if (sources.length === 0) return [];
  const { traceView } = await import('../telemetry/export/trace-view.ts');
  return traceView(sources, identity);
}

export async function connectionsOf(
  threads: readonly TrafficThread[],
  { search, limit, offset }: Required<ConnectionsQuery>,
): Promise<FoundConnections> {
  const found = await Promise.all(threads.map((thread) => thread.look(search, limit + offset)));
  return {
    matching: found.reduce((total, { matching }) => total + matching, 0),
    connections: found.flatMap(({ connections }) => connections),
  };
}
