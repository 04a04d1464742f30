import { hostname } from 'node:os';
import type { SidecarState } from '../api.ts';
import type { Config } from '../config/config.ts';
import type { SpanSink } from '../telemetry/export/sink.ts';
import type { Exposition } from '../telemetry/exposition/exposition.ts';
import { otlpEndpoint, serviceName } from '../telemetry/traces/environment.ts';
import { version } from '../version.ts';

const MOST_LOSS_RATES = 100;

/** Who this sidecar is, to its page, its commands and its peers. */
export interface Identity {
  /** service.instance.id */
  id: string;
  name: string;
  service: string;
  host: string;
}

export function identityOf(id: string, listen: string, env: NodeJS.ProcessEnv): Identity {
  const service = serviceName(env);
  const host = hostname();
  return { id, name: `${service}@${host}${listen.slice(listen.lastIndexOf(':'))}`, service, host };
}

/** Whose figures the state is made of. */
export interface StateSources {
  identity: Identity;
  /** milliseconds since the epoch */
  startedAt: number;
  listen: string;
  env: NodeJS.ProcessEnv;
  /** absolute; undefined: there is no file */
  configFile: string | undefined;
  exposition: Exposition;
  sink: SpanSink;
  running(): Config;
  upstreams(): SidecarState['upstreams'];
  faults(): SidecarState['faults'];
  blocked(): SidecarState['blocked'];
  reloads(): { success: number; failure: number; lastFailed: boolean };
  /** what was dropped or limited and is no cell, by name */
  limits(): Record<string, number>;
}

/** The sidecar at a glance. */
export function sidecarState(sources: StateSources): SidecarState {
  const { identity, startedAt, listen, env, exposition, sink } = sources;
  const { connections, channels, passed, lossRates, folded, ...figures } = exposition.figures();
  const { loss, bypass } = sources.running();
  const { exported, dropped } = sink.figures();
  const { lastFailed, ...reloads } = sources.reloads();
  return {
    version,
    ...identity,
    startedAt,
    uptime: (Date.now() - startedAt) / 1000,
    listen,
    upstreams: sources.upstreams(),
    loss: loss.mode,
    config: { file: sources.configFile ?? null, reloads, lastReloadFailed: lastFailed },
    spans: {
      exporters: [...sink.exporters],
      endpoint: sink.exporters.includes('otlp') ? shownEndpoint(otlpEndpoint(env)?.value) : null,
      exported,
      dropped,
      kept: sink.kept.figures,
    },
    metrics: { path: '/metrics' },
    connections,
    channels,
    unsettled: figures.unsettled,
    messages: { published: passed.publish, delivered: passed.consume },
    lost: figures.lost,
    unknown: figures.unknown,
    lossRates: lossRates
      .sort((a, b) => b.value - a.value)
      .slice(0, MOST_LOSS_RATES)
      .map(({ labels: { topic, pipeline, side }, value }) => ({
        topic,
        pipeline,
        side: side === 'publish' ? 'publish' : 'consume',
        rate: value,
      })),
    bypass,
    bypassed: counted(figures.bypassed).map(([reason, count]) => ({ reason, count })),
    blocked: sources.blocked(),
    faults: sources.faults(),
    limits: [
      ...counted(folded).map(([label, count]) => [`values of label ${label}`, count] as const),
      ...counted(figures.unobserved).map(([reason, count]) => [`unobserved: ${reason}`, count] as const),
      ...counted(sources.limits()),
      ...counted({ 'spans dropped': dropped, 'spans not kept for the page': sink.kept.skipped }),
    ].map(([name, count]) => ({ name, count })),
  };
}

const counted = (counts: Record<string, number>): [name: string, count: number][] =>
  Object.entries(counts).filter(([, count]) => count > 0);

/** Without user, password and query, which may be secrets. The SDK's default where only the exporter is named. */
function shownEndpoint(endpoint: string | undefined): string {
  if (endpoint === undefined) return 'http://localhost:4318';
  const url = URL.parse(endpoint);
  if (url === null) return endpoint.includes('@') ? endpoint.slice(endpoint.lastIndexOf('@') + 1) : endpoint;
  return `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`;
}
