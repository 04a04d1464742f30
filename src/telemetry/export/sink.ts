import type { EventBus, EventListener } from '../../events/bus.ts';
import { type Passage, SAMPLED } from '../../events/passage.ts';
import { ConnectionTable } from '../connections.ts';
import { type Environment, wantedExporters } from '../traces/environment.ts';
import { CONTEXT_WORDS } from '../traces/ids.ts';
import { RateLimit } from '../traces/rate.ts';
import type { TracingLog } from './diagnostics.ts';
import { type ConsumerSpans, identify } from './identity.ts';
import { KeptTraces } from './kept-traces.ts';
import type { Provider } from './provider.ts';

/** Counts of spans since the start; with several exporters a span counts once for each. */
export interface SpanFigures {
  /** accepted by the endpoint */
  exported: number;
  /** the queue was full, the export failed, or the process ended first */
  dropped: number;
  /** waiting or on their way */
  queued: number;
  /** unsampled losses that got no span because of `maxLossSpansPerSecond` */
  limited: number;
}

/** Learns of connections, and exports a span of each passage that should have one. Never waits. */
export interface SpanSink extends EventListener {
  /**
   * Spans that can be observed now without one being dropped. Whoever feeds many at once should
   * stop here and go on after a turn of the event loop. Infinity if waiting is of no use: nothing
   * is exported, or the endpoint fails or has not answered for a second.
   */
  free(): number;
  figures(): SpanFigures;
  /** for the live page */
  readonly kept: KeptTraces;
  /** of OTEL_TRACES_EXPORTER; none: nothing is exported */
  readonly exporters: readonly string[];
  /** For the passages to come. */
  configure(options: Required<Pick<SpanSinkOptions, 'consumer' | 'maxLossSpansPerSecond'>>): void;
  /** Flushes for at most `shutdownTimeout`; what is left then counts as dropped. Never rejects. */
  shutdown(): Promise<void>;
}

export interface SpanSinkOptions {
  /** `process.env`: parts of it are read by the SDK itself, from there. */
  env: Environment;
  /** What a consumer's span is to the message's own context. */
  consumer: ConsumerSpans;
  /** Tracehare's, for service.version. */
  version: string;
  /** service.instance.id, unless OTEL_RESOURCE_ATTRIBUTES say another; default: a new one */
  instance?: string;
  log: TracingLog;
  /** Failed publishes a second that get a span though unsampled. */
  maxLossSpansPerSecond?: number;
  /** Memory for traces that the live page shows, bytes; default 0: none are kept. */
  keepBytes?: number;
  /** Milliseconds. */
  shutdownTimeout?: number;
}

/**
 * Exports the lifecycle events of sampled messages, and of lost ones, as OpenTelemetry spans.
 * The SDK is loaded here and only if the OTEL_* variables name somewhere to export to.
 * Rejects with a clear line if they are wrong.
 */
export async function createSpanSink(options: SpanSinkOptions): Promise<SpanSink> {
  const { env, log } = options;
  const exporterNames = wantedExporters(env, log);
  const provider = exporterNames.length === 0 ? nowhere : await exporting(exporterNames, options);
  const kept = new KeptTraces(options.keepBytes ?? 0);
  const connections = new ConnectionTable();
  let { consumer } = options;
  const losses = new RateLimit(options.maxLossSpansPerSecond ?? 50);
  const { queues } = provider;
  let limited = 0;

  const ids = new Uint32Array(CONTEXT_WORDS);

  function takesLoss({ names, outcome }: Passage): boolean {
    if (names.via !== 'publish' || outcome !== 'failed') return false;
    if (losses.take(performance.now())) return true;
    limited++;
    return false;
  }

  return {
    event(event) {
      connections.observe(event);
      if (event.type === 'message.lost') kept.lost(event);
    },
    passage(passage) {
      const isExported = queues.length > 0 && ((passage.bits & SAMPLED) !== 0 || takesLoss(passage));
      const isKept = kept.takes(passage);
      if (!isExported && !isKept) return;
      identify(passage, consumer, ids);
      const source = { passage, connection: connections.get(passage.names.connection), consumer, ids };
      if (isKept) kept.add(source);
      if (!isExported) return;
      for (const queue of queues) queue.add(source);
    },
    free: () => Math.min(...queues.map((queue) => queue.free())),
    figures: () => ({
      exported: sum(queues.map((queue) => queue.exported)),
      dropped: sum(queues.map((queue) => queue.dropped)),
      queued: sum(queues.map((queue) => queue.queued)),
      limited,
    }),
    kept,
    exporters: exporterNames,
    configure(options) {
      consumer = options.consumer;
      losses.set(options.maxLossSpansPerSecond);
    },
    async shutdown() {
      // Failures on the way out are counted and reported like any other.
      await within(options.shutdownTimeout ?? 5000, provider.shutdown());
      for (const queue of queues) queue.abandon();
    },
  };
}

export function observeSpans(bus: EventBus, sink: SpanSink): void {
  const told = ['connection.opened', 'connection.identified', 'connection.closed', 'message.lost'] as const;
  for (const type of told) {
    bus.on(type, (event) => sink.event(event));
  }
  bus.onPassage((passage) => sink.passage(passage));
}

type Exporting = Pick<Provider, 'queues' | 'shutdown'>;

/** Nothing is exported. */
const nowhere: Exporting = { queues: [], shutdown: async () => {} };

async function exporting(names: string[], { env, version, instance, log }: SpanSinkOptions): Promise<Exporting> {
  const { startProvider } = await import('./provider.ts');
  return startProvider(names, env, { version, ...(instance !== undefined && { instance }) }, log);
}

function sum(counts: number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

/** Settles with `work`, however that ends, or after `ms`. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work.catch(() => {}), late]);
  clearTimeout(timer);
}
