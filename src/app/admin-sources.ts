import type { AdminSources } from '../admin/sources.ts';
import type { ConnectionsQuery, TraceSpan } from '../api.ts';
import type { Findings } from '../telemetry/findings/findings.ts';
import type { LossLog } from '../telemetry/loss/log.ts';
import { LOSS_REASONS } from '../telemetry/loss/loss.ts';
import type { FoundConnections } from '../threads/control.ts';
import type { TrafficThread } from '../threads/traffic-thread.ts';
import type { MessageWatch } from './message-watch.ts';
import { type StateSources, sidecarState } from './sidecar-view.ts';
import type { Upstreams } from './upstreams.ts';

/** Whom the admin server's sources ask. */
export interface Asked {
  state: StateSources;
  threads: readonly TrafficThread[];
  losses: LossLog;
  findings: Findings;
  messages: MessageWatch;
  upstreams: Upstreams;
  isDraining(): boolean;
  eventsDropped(): number;
  changes: AdminSources['changes'];
}

/** What the admin server shows: who knows it. */
export function adminSources({ state, threads, losses, findings, messages, upstreams, ...asked }: Asked): AdminSources {
  const { exposition, sink, identity } = state;
  const { kept } = sink;
  return {
    identity,
    metrics: (accept) => exposition.render(accept),
    ready: () => (asked.isDraining() ? 'draining' : undefined),
    upstreamReachable: () => upstreams.reachable(),
    state: () => sidecarState(state),
    topics: (search) => exposition.topics(search),
    topicLines: (keys) => exposition.topicLines(keys),
    topic: (topic, pipeline) => exposition.topic(topic, pipeline),
    pipelinesOf: (topic) => exposition.pipelinesOf(topic),
    traces: (query) => ({ ...kept.find(query), kept: kept.figures, skipped: kept.skipped }),
    trace: (traceId) => keptTrace(state, traceId),
    connections: (query) => connectionsOf(threads, query),
    losses: (query) => ({ ...losses.find(query), eventsDropped: asked.eventsDropped() }),
    topology: (query) => exposition.topology(query),
    findings: (query) => findings.list(query),
    lossReasons: LOSS_REASONS,
    changes: asked.changes,
    watch: (watcher) => messages.add(watcher),
  };
}

/** What of OpenTelemetry makes spans of it is loaded when somebody looks. */
async function keptTrace({ sink, identity }: StateSources, traceId: string): Promise<TraceSpan[]> {
  const sources = sink.kept.get(traceId);
  if (sources.length === 0) return [];
  const { traceView } = await import('../telemetry/export/trace-view.ts');
  return traceView(sources, identity);
}

async function connectionsOf(
  threads: readonly TrafficThread[],
  { search, limit, offset }: Required<ConnectionsQuery>,
): Promise<FoundConnections> {
  const found = await Promise.all(threads.map((thread) => thread.look(search, limit + offset)));
  return {
    matching: found.reduce((sum, { matching }) => sum + matching, 0),
    connections: found.flatMap(({ connections }) => connections),
  };
}
