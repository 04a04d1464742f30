import type { EventBus, EventListener } from '../../events/bus.ts';
import { type Passage, queuedAt, SAMPLED, WATCHED } from '../../events/passage.ts';
import { ConnectionTable } from '../connections.ts';
import { type Environment, wantedExporters } from '../traces/environment.ts';
import { CONTEXT_WORDS, createIdPool, TRACE_WORDS } from '../traces/ids.ts';
import { RateLimit } from '../traces/rate.ts';
import type { TracingLog } from './diagnostics.ts';
import { type ConsumerSpans, identify } from './identity.ts';
import { KeptTraces } from './kept-traces.ts';
import type { Provider } from './provider.ts';
import type { QueueTime, SpanSource } from './spans.ts';
import { attemptsBefore, publishOf } from './told-publish.ts';

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
  /** unsampled deliveries that got none because of `keep.maxPerSecond` */
  keepLimited: number;
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
  configure(options: Required<Pick<SpanSinkOptions, 'consumer' | 'queue' | 'maxLossSpansPerSecond' | 'keep'>>): void;
  /** Flushes for at most `shutdownTimeout`; what is left then counts as dropped. Never rejects. */
  shutdown(): Promise<void>;
}

export interface SpanSinkOptions {
  /** `process.env`: parts of it are read by the SDK itself, from there. */
  env: Environment;
  /** What a consumer's span is to the message's own context. */
  consumer: ConsumerSpans;
  /** How the time that a message was in queues shows. */
  queue: QueueTime;
  /** Tracehare's, for service.version. */
  version: string;
  /** service.instance.id, unless OTEL_RESOURCE_ATTRIBUTES say another; default: a new one */
  instance?: string;
  log: TracingLog;
  /** Failed publishes a second that get a span though unsampled. */
  maxLossSpansPerSecond?: number;
  /** Unsampled deliveries that went wrong or took long are exported all the same, so many a second. */
  keep?: { readonly maxPerSecond: number };
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
  let { consumer, queue: queueTime } = options;
  const losses = new RateLimit(options.maxLossSpansPerSecond ?? 50);
  const keeping = new RateLimit(options.keep?.maxPerSecond ?? 50);
  const { queues } = provider;
  let limited = 0;
  let keepLimited = 0;

  const ids = new Uint32Array(CONTEXT_WORDS);
  const spanIds = createIdPool(64);

  /** An unsampled delivery is told of if something was the matter with it, or because somebody watches. */
  function isKeptWhole({ names, bits }: Passage): boolean {
    if (names.via === 'publish' || (bits & WATCHED) !== 0) return false;
    if (keeping.take(performance.now())) return true;
    keepLimited++;
    return false;
  }

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
      const isSampled = (passage.bits & SAMPLED) !== 0;
      const isWhole = !isSampled && isKeptWhole(passage);
      const isExported = queues.length > 0 && (isSampled || isWhole || takesLoss(passage));
      const isShown = kept.takes(passage, isWhole);
      if (!isExported && !isShown) return;
      const takes = (source: SpanSource): void => {
        if (isShown && source.part === 'passage') kept.add(source);
        if (isExported) for (const queue of queues) queue.add(source);
      };
      for (const each of isWhole ? [...attemptsBefore(passage), passage] : [passage]) {
        identify(each, consumer, ids);
        const connection = connections.get(each.names.connection);
        const source: SpanSource = { passage: each, connection, consumer, queue: queueTime, part: 'passage', ids };
        takes(source);
        if (queueTime !== 'span' || each.names.via === 'publish' || queuedAt(each) === 0) continue;
        spanIds.spanId(ids, TRACE_WORDS);
        takes({ ...source, part: 'queue' });
      }
      const published = isWhole ? publishOf(passage) : undefined;
      if (published !== undefined) takes(publishSource(published, consumer));
    },
    // a delivery may take two places, and more if it is kept
    free: () => Math.floor(Math.min(...queues.map((queue) => queue.free())) / (queueTime === 'span' ? 2 : 1)),
    figures: () => ({
      exported: sum(queues.map((queue) => queue.exported)),
      dropped: sum(queues.map((queue) => queue.dropped)),
      queued: sum(queues.map((queue) => queue.queued)),
      limited,
      keepLimited,
    }),
    kept,
    exporters: exporterNames,
    configure(options) {
      consumer = options.consumer;
      queueTime = options.queue;
      losses.set(options.maxLossSpansPerSecond);
      keeping.set(options.keep.maxPerSecond);
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

/** Of the publish of a message that is kept. */
const publishSource = (passage: Passage, consumer: ConsumerSpans): SpanSource => ({
  passage,
  connection: undefined,
  consumer,
  queue: 'off',
  part: 'passage',
  ids: passage.ids.subarray(0, CONTEXT_WORDS),
});

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
