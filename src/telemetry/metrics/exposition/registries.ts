import { collectDefaultMetrics, type Metric, type OpenMetricsContentType, Registry } from 'prom-client';
import type { Declaration } from './declaration.ts';
import type { Labels } from './groups.ts';
import { Lines } from './lines.ts';
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
  #length = 1 << 16;

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
      const pause = PAUSED_LAG.test(figure.name) ? LAG_PAUSE_MS / 1000 : 0;
      this.#register(figure, async () => {
        const shown = (await figure.get()) as { values: { value: number }[] };
        return { ...shown, values: shown.values.map((each) => ({ ...each, value: Math.max(0, each.value - pause) })) };
      });
    }
  }

  async render(format: Format): Promise<{ contentType: string; body: Buffer }> {
    const registry = this[format];
    const between = format === 'text' ? '\n' : '';
    const lines = new Lines(this.#length);
    for (const [index, { name }] of (registry.getMetricsAsArray() as unknown as MetricObject[]).entries()) {
      lines.add(`${index === 0 ? '' : between}${await registry.getSingleMetricAsString(name)}\n`);
      this.#samples.get(name)?.(lines, format);
    }
    if (format === 'openMetrics') lines.add('# EOF\n');
    const body = lines.end();
    this.#length = body.length + (body.length >> 3);
    return { contentType: registry.contentType, body };
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
