import type { EventBus, EventListener } from '../../events/bus.ts';
import { type Passage, SAMPLED } from '../../events/passage.ts';
import { ConnectionTable } from '../connections.ts';
import { type Environment, wantedExporters } from '../traces/environment.ts';
import { CONTEXT_WORDS } from '../traces/ids.ts';
import { RateLimit } from '../traces/rate.ts';
import type { TracingLog } from './diagnostics.ts';
import type { ConsumerSpans } from './spans.ts';

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
  log: TracingLog;
  /** Failed publishes a second that get a span though unsampled. */
  maxLossSpansPerSecond?: number;
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
  if (exporterNames.length === 0) return quiet;

  const [{ startProvider }, { identify }] = await Promise.all([import('./provider.ts'), import('./spans.ts')]);
  const provider = await startProvider(exporterNames, env, options.version, log);
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
    event: (event) => connections.observe(event),
    passage(passage) {
      if ((passage.bits & SAMPLED) === 0 && !takesLoss(passage)) return;
      identify(passage, consumer, ids);
      const source = { passage, connection: connections.get(passage.names.connection), consumer, ids };
      for (const queue of queues) queue.add(source);
    },
    free: () => Math.min(...queues.map((queue) => queue.free())),
    figures: () => ({
      exported: sum(queues.map((queue) => queue.exported)),
      dropped: sum(queues.map((queue) => queue.dropped)),
      queued: sum(queues.map((queue) => queue.queued)),
      limited,
    }),
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
  for (const type of ['connection.opened', 'connection.identified', 'connection.closed'] as const) {
    bus.on(type, (event) => sink.event(event));
  }
  bus.onPassage((passage) => sink.passage(passage));
}

/** Nothing is exported. */
const quiet: SpanSink = {
  event() {},
  passage() {},
  free: () => Number.POSITIVE_INFINITY,
  figures: () => ({ exported: 0, dropped: 0, queued: 0, limited: 0 }),
  configure() {},
  shutdown: async () => {},
};

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
