import { collectDefaultMetrics, type Metric, type OpenMetricsContentType, Registry } from 'prom-client';
import type { Declaration } from './declaration.ts';
import type { MetricValue } from './values.ts';

/** What prom-client's registry asks of a metric. */
interface MetricObject {
  name: string;
  help: string;
  type: string;
  aggregator: string;
  get(): unknown;
}

/**
 * The same metrics in both formats. A registry has one format, and renames its counters for
 * OpenMetrics: so each gets a metric object of its own, and `get` answers with the name it has now.
 */
export class Registries {
  readonly text = new Registry();
  readonly openMetrics = new Registry<OpenMetricsContentType>();

  constructor() {
    this.openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  }

  add(declaration: Declaration, values: () => MetricValue[]): void {
    for (const registry of [this.text, this.openMetrics]) {
      register(registry, declaration, (metric) => ({ ...metric, values: values() }));
    }
  }

  /**
   * process_* and nodejs_*: collected by one registry and shown by both, for prom-client measures the
   * event loop anew for each registry.
   */
  addProcessFigures(): void {
    const source = new Registry();
    collectDefaultMetrics({ register: source });
    for (const figure of source.getMetricsAsArray() as unknown as MetricObject[]) {
      for (const registry of [this.text, this.openMetrics]) {
        register(registry, figure, async (metric) => ({ ...((await figure.get()) as object), name: metric.name }));
      }
    }
  }

  async render(format: 'text' | 'openMetrics'): Promise<{ contentType: string; body: string }> {
    const registry = this[format];
    return { contentType: registry.contentType, body: await registry.metrics() };
  }
}

function register(
  registry: Pick<Registry, 'registerMetric'>,
  { name, help, type }: { name: string; help: string; type: string },
  get: (metric: MetricObject) => unknown,
): void {
  const metric: MetricObject = { name, help, type, aggregator: 'sum', get: () => get(metric) };
  registry.registerMetric(metric as unknown as Metric);
}
