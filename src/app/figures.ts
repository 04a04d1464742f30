import type { Config } from '../config/config.ts';
import type { SpanSink } from '../telemetry/export/sink.ts';
import { Exposition } from '../telemetry/exposition/exposition.ts';
import { REGISTERED } from '../telemetry/exposition/sidecar-metrics.ts';
import { FINDINGS, type Findings } from '../telemetry/findings/findings.ts';
import { version } from '../version.ts';
import type { Certificates } from './certificates.ts';
import type { FaultWatch } from './fault-watch.ts';
import type { Overlay } from './overlay.ts';
import type { Reloader } from './reload.ts';
import type { ThreadReports } from './thread-reports.ts';

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

/** Whose figures are no cells of a traffic thread. */
export interface FigureSources {
  sink: SpanSink;
  reports: ThreadReports;
  faults: FaultWatch;
  certificates: Certificates;
  overlay: Overlay;
  findings: Findings;
  running(): Config;
  eventsDropped(): number;
}

export function registerFigures(exposition: Exposition, sources: FigureSources): void {
  const { sink, reports, faults, certificates, overlay, findings } = sources;
  exposition.register(REGISTERED.spansExported, () => sink.figures().exported);
  exposition.register(REGISTERED.spansDropped, () => sink.figures().dropped);
  exposition.register(REGISTERED.lossSpansLimited, () => sink.figures().limited);
  exposition.register(REGISTERED.eventsDropped, () => sources.eventsDropped());
  exposition.register(REGISTERED.tracesLimited, () => reports.limited);
  exposition.register(REGISTERED.faultsActive, () => faults.counts());
  exposition.register(REGISTERED.adminChanges, () => labelled('change', overlay.counts));
  exposition.register(REGISTERED.certificateEnds, () => certificates.ends());
  exposition.register(FINDINGS, () => findings.counts());
  exposition.register(REGISTERED.bypass, () => (sources.running().bypass ? 1 : 0));
}

export function registerReloads(exposition: Exposition, reloader: Reloader): void {
  exposition.register(REGISTERED.configReloads, () => labelled('result', reloader.counts));
  exposition.register(REGISTERED.configReloadSucceeded, () => (reloader.succeeded ? 1 : 0));
  exposition.register(REGISTERED.configReloadSucceededAt, () => reloader.succeededAt);
}

const labelled = (label: string, counts: Readonly<Record<string, number>>) =>
  Object.entries(counts).map(([name, value]) => ({ labels: { [label]: name }, value }));
