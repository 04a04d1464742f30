import { collectDefaultMetrics, type Metric, type OpenMetricsContentType, Registry } from 'prom-client';
import { ProtobufWriter } from '../export/protobuf.ts';
import type { MetricReading, PointReading } from '../readings.ts';
import type { Declaration } from './declaration.ts';
import type { Labels, View } from './groups.ts';
import { writeFamily } from './metric-family.ts';
import type { Accepted } from './negotiate.ts';
import { Pace } from './pace.ts';
import type { ReadPoints } from './readings.ts';
import type { Format, WriteSamples } from './samples.ts';

/** What prom-client's registry asks of a metric. */
interface MetricObject {
  name: string;
  help: string;
  type: string;
  aggregator: string;
  get(): unknown;
}

/** What prom-client's `get` of a metric answers. */
interface Shown {
  values: { labels: Record<string, string | number>; value: number; metricName?: string }[];
}

export interface Value {
  labels: Labels;
  value: number;
}

/** A scrape's text is handed on in pieces of about as many characters. */
const PIECE = 1 << 16;
/** How often the event loop's lag is measured. By default 100 times a second: nine of ten wakeups of an idle sidecar. */
const LAG_PAUSE_MS = 100;
/** What is measured so, from one time to the next: the pause is part of it. */
const PAUSED_LAG = /^nodejs_eventloop_lag_(min|max|mean|p\d+)_seconds$/;

type Head = Pick<Declaration, 'name' | 'help' | 'type'>;

const MOST_SERIES = 10_000;
const PROTOBUF = 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

const texts = (labels: Record<string, string | number>): Labels =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]));

/** Those of prom-client, of which each sample is a value by itself. */
function histograms(
  name: string,
  values: Shown['values'],
  seriesOf: (name: string, labels: Labels) => object,
): PointReading[] {
  const found = new Map<object, { labels: Labels; sum: number; count: number; buckets: [number, number][] }>();
  for (const { labels: all, value, metricName } of values) {
    const { le, ...given } = all;
    const labels = texts(given);
    const series = seriesOf(name, labels);
    const of = found.get(series) ?? { labels, sum: 0, count: 0, buckets: [] };
    found.set(series, of);
    if (metricName === `${name}_sum`) of.sum = value;
    else if (metricName === `${name}_count`) of.count = value;
    else of.buckets.push([Number(String(le) === '+Inf' ? Number.POSITIVE_INFINITY : le), value]);
  }
  return [...found].map(([series, { labels, sum, count, buckets }]) => ({
    labels,
    series,
    value: {
      count,
      sum,
      bounds: buckets.map(([bound]) => bound).filter(Number.isFinite),
      counts: buckets.map(([, upTo], i) => upTo - (i === 0 ? 0 : buckets[i - 1][1])),
    },
  }));
}

/**
 * The same metrics in both formats, and a registry for each, as a registry has one format. The registry
 * writes what it is given values of, and of the others HELP and TYPE.
 */
export class Registries {
  readonly text = new Registry();
  readonly openMetrics = new Registry<OpenMetricsContentType>();
  /** by the name they are registered with */
  readonly #samples = new Map<string, WriteSamples>();
  /** all metrics in their order, and how each is read */
  readonly #read: { declaration: Head; points: (view: View) => PointReading[] | Promise<PointReading[]> }[] = [];
  /** by metric and labels: series that nobody else knows by an object */
  readonly #series = new Map<string, object>();

  constructor() {
    this.openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  }

  add(declaration: Declaration, values: () => Value[]): void {
    this.#register(declaration, () => ({ values: values() }));
    this.#read.push({
      declaration,
      points: () =>
        values().map(({ labels, value }) => ({ labels, series: this.#seriesOf(declaration.name, labels), value })),
    });
  }

  addSamples(declaration: Declaration, write: WriteSamples, points: ReadPoints): void {
    this.#read.push({ declaration, points });
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
      const get = async (): Promise<Shown> => {
        const shown = (await figure.get()) as Shown;
        return { ...shown, values: shown.values.map((each) => ({ ...each, value: Math.max(0, each.value - pause) })) };
      };
      this.#register(figure, get);
      const points = async (): Promise<PointReading[]> => {
        const { values } = await get();
        if (figure.type === 'histogram') return histograms(figure.name, values, this.#seriesOf.bind(this));
        return values.map(({ labels: given, value }) => {
          const labels = texts(given);
          return { labels, series: this.#seriesOf(figure.name, labels), value };
        });
      };
      this.#read.push({ declaration: figure as Head, points });
    }
  }

  /** All metrics, as the view and those who know the others have them. */
  async readings(view: View): Promise<MetricReading[]> {
    const readings: MetricReading[] = [];
    for (const { declaration, points } of this.#read) {
      const { name, help, type } = declaration;
      readings.push({ name, help, type, points: await points(view) });
    }
    return readings;
  }

  #seriesOf(name: string, labels: Labels): object {
    const key = `${name} ${JSON.stringify(labels)}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      // labels of these metrics hardly change; should they after all, all of them are known anew
      if (this.#series.size >= MOST_SERIES) this.#series.clear();
      series = {};
      this.#series.set(key, series);
    }
    return series;
  }

  /** In pieces, for they are megabytes, and with pauses: the broker's and the traffic's threads may need this one's core. */
  render(format: Accepted, view: View): { contentType: string; body: AsyncIterable<string | Uint8Array> } {
    if (format === 'protobuf') return { contentType: PROTOBUF, body: this.#families(view) };
    return { contentType: this[format].contentType, body: this.#pieces(format, view) };
  }

  /** As messages of Prometheus's protobuf, each with its length in front. */
  async *#families(view: View): AsyncIterable<Uint8Array> {
    const writer = new ProtobufWriter();
    let pieces: Uint8Array[] = [];
    let size = 0;
    const pace = new Pace();
    for (const { declaration, points } of this.#read) {
      const { name, help, type } = declaration;
      const family = Uint8Array.from(writeFamily({ name, help, type, points: await points(view) }, writer));
      pieces.push(family);
      size += family.length;
      if (size < PIECE) continue;
      yield Buffer.concat(pieces);
      pieces = [];
      size = 0;
      await pace.keep();
    }
    yield Buffer.concat(pieces);
  }

  async *#pieces(format: Format, view: View): AsyncIterable<string> {
    const registry = this[format];
    const between = format === 'text' ? '\n' : '';
    let piece = '';
    const pace = new Pace();
    for (const [index, { name }] of (registry.getMetricsAsArray() as unknown as MetricObject[]).entries()) {
      piece += `${index === 0 ? '' : between}${await registry.getSingleMetricAsString(name)}\n`;
      for (const samples of this.#samples.get(name)?.(format, view) ?? []) {
        piece += samples;
        if (piece.length < PIECE) continue;
        yield piece;
        piece = '';
        await pace.keep();
      }
    }
    yield format === 'openMetrics' ? `${piece}# EOF\n` : piece;
  }

  #register({ name, help, type }: Omit<Head, 'type'> & { type: string }, get: () => object): string[] {
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
