import { setTimeout as sleep } from 'node:timers/promises';
import { collectDefaultMetrics, type Metric, type OpenMetricsContentType, Registry } from 'prom-client';
import type { Declaration } from './declaration.ts';
import type { Labels, View } from './groups.ts';
import type { Format, WriteSamples } from './samples.ts';

/** What prom-client's registry asks of a metric. */
interface MetricObject {
  name: string;
  help: string;
  type: string;
  aggregator: string;
  get(): unknown;
}

export interface Value {
  labels: Labels;
  value: number;
}

/** A scrape's text is handed on in pieces of about as many characters. */
const PIECE = 1 << 16;
/** After as long at work for a scrape the main thread sleeps: a slice of the scheduler's is longer. */
const SLICE_MS = 1;
const PAUSE_MS = 1;
/** How often the event loop's lag is measured. By default 100 times a second: nine of ten wakeups of an idle sidecar. */
const LAG_PAUSE_MS = 100;
/** What is measured so, from one time to the next: the pause is part of it. */
const PAUSED_LAG = /^nodejs_eventloop_lag_(min|max|mean|p\d+)_seconds$/;

/**
 * The same metrics in both formats, and a registry for each, as a registry has one format. The registry
 * writes what it is given values of, and of the others HELP and TYPE.
 */
export class Registries {
  readonly text = new Registry();
  readonly openMetrics = new Registry<OpenMetricsContentType>();
  /** by the name they are registered with */
  readonly #samples = new Map<string, WriteSamples>();

  constructor() {
    this.openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  }

  add(declaration: Declaration, values: () => Value[]): void {
    this.#register(declaration, () => ({ values: values() }));
  }

  addSamples(declaration: Declaration, write: WriteSamples): void {
    for (const name of this.#register(declaration, () => ({ values: [] }))) this.#samples.set(name, write);
  }

  /**
   * process_* and nodejs_*: collected by one registry and shown by both, for prom-client measures the
   * event loop anew for each registry.
   */
  addProcessFigures(): void {
    const source = new Registry();
    collectDefaultMetrics({ register: source, eventLoopMonitoringPrecision: LAG_PAUSE_MS });
    for (const figure of source.getMetricsAsArray() as unknown as MetricObject[]) {
      // sums that call themselves counters: promtool refuses them, and Prometheus can make them
      if (figure.type !== 'counter' && figure.name.endsWith('_total')) continue;
      const pause = PAUSED_LAG.test(figure.name) ? LAG_PAUSE_MS / 1000 : 0;
      this.#register(figure, async () => {
        const shown = (await figure.get()) as { values: { value: number }[] };
        return { ...shown, values: shown.values.map((each) => ({ ...each, value: Math.max(0, each.value - pause) })) };
      });
    }
  }

  /** In pieces, for they are megabytes, and with pauses: the broker's and the traffic's threads may need this one's core. */
  render(format: Format, view: View): { contentType: string; body: AsyncIterable<string> } {
    return { contentType: this[format].contentType, body: this.#pieces(format, view) };
  }

  async *#pieces(format: Format, view: View): AsyncIterable<string> {
    const registry = this[format];
    const between = format === 'text' ? '\n' : '';
    let piece = '';
    let since = performance.now();
    for (const [index, { name }] of (registry.getMetricsAsArray() as unknown as MetricObject[]).entries()) {
      piece += `${index === 0 ? '' : between}${await registry.getSingleMetricAsString(name)}\n`;
      for (const samples of this.#samples.get(name)?.(format, view) ?? []) {
        piece += samples;
        if (piece.length < PIECE) continue;
        yield piece;
        piece = '';
        if (performance.now() - since < SLICE_MS) continue;
        await sleep(PAUSE_MS);
        since = performance.now();
      }
    }
    yield format === 'openMetrics' ? `${piece}# EOF\n` : piece;
  }

  #register({ name, help, type }: Pick<MetricObject, 'name' | 'help' | 'type'>, get: () => object): string[] {
    // OpenMetrics has the suffix on samples alone, where prom-client adds it
    const names = { text: name, openMetrics: type === 'counter' ? name.replace(/_total$/, '') : name };
    for (const format of ['text', 'openMetrics'] as const) {
      const head = { name: names[format], help, type, aggregator: 'sum' };
      const metric: MetricObject = { ...head, get: async () => ({ ...(await get()), ...head }) };
      this[format].registerMetric(metric as unknown as Metric);
    }
    return [...new Set(Object.values(names))];
  }
}
