import { type HrTime, ValueType } from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import { emptyResource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type CollectionResult,
  DataPointType,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import {
  type ExemplarReading,
  type ExponentialReading,
  type HistogramReading,
  isHistogram,
  type MetricReading,
  type PointReading,
} from '../readings.ts';
import { metricName } from './metric-names.ts';
import type { MorePoint } from './metrics-request.ts';

export type ReadMetrics = () => Promise<readonly MetricReading[]>;

export interface MetricSourceOptions {
  read: ReadMetrics;
  scope: InstrumentationScope;
  /** of counters and histograms: what was gained since the last export that arrived, or all since the start */
  isDelta: boolean;
  /** explicit buckets for histograms, though there are exponential ones */
  isExplicit: boolean;
  /** milliseconds since the epoch */
  now?: () => number;
}

type Value = PointReading['value'];

interface Known {
  /** when it began to count */
  start: HrTime;
  /** what has arrived of it */
  sent: Value | undefined;
}

/**
 * The metrics for one reader of the SDK: the very figures that a scrape at the same moment shows. A delta that does not
 * arrive is part of the next one: nothing is lost by an endpoint that fails for a time.
 */
export class MetricSource implements MetricProducer {
  readonly #options: MetricSourceOptions;
  readonly #now: () => number;
  readonly #known = new WeakMap<object, Known>();
  /** when what has not arrived yet began */
  #since: HrTime;
  /** of the last collection: when it was, and what is known of each series once it has arrived */
  #collected: { at: HrTime; values: Map<object, Value> } | undefined;

  constructor(options: MetricSourceOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#since = hrTime(this.#now());
  }

  async collect(): Promise<CollectionResult> {
    const { read, scope } = this.#options;
    const readings = await read();
    const at = hrTime(this.#now());
    const values = new Map<object, Value>();
    const metrics = readings.flatMap((reading) => {
      const points = reading.points.map((point) => this.#point(reading, point, at, values));
      return points.length === 0 ? [] : dataOf(reading, points, this.#options);
    });
    this.#collected = { at, values };
    return { resourceMetrics: { resource: emptyResource(), scopeMetrics: [{ scope, metrics }] }, errors: [] };
  }

  /** What was collected last has arrived. */
  arrived(): void {
    if (this.#collected === undefined) return;
    const { at, values } = this.#collected;
    this.#since = at;
    for (const [series, sent] of values) {
      const known = this.#known.get(series);
      if (known !== undefined) known.sent = sent;
    }
    this.#collected = undefined;
  }

  #point({ type }: MetricReading, { labels, series, value }: PointReading, at: HrTime, values: Map<object, Value>) {
    let known = this.#known.get(series);
    if (known === undefined) {
      known = { start: this.#since, sent: undefined };
      this.#known.set(series, known);
    }
    const isDelta = this.#options.isDelta && type !== 'gauge';
    if (isDelta) values.set(series, value);
    const shown = isDelta && known.sent !== undefined ? gained(known.sent, value) : value;
    const startTime = isDelta ? this.#since : known.start;
    return { labels, startTime, endTime: at, value: shown, since: isDelta ? secondsOf(this.#since) : 0 };
  }
}

interface Point {
  labels: PointReading['labels'];
  startTime: HrTime;
  endTime: HrTime;
  value: Value;
  /** exemplars from then on belong to it, seconds since the epoch */
  since: number;
}

function dataOf(
  { name: scraped, help, type }: MetricReading,
  points: Point[],
  options: MetricSourceOptions,
): MetricData {
  const { name, unit, attributes } = metricName(scraped);
  const descriptor = { name, description: help, unit, valueType: ValueType.DOUBLE };
  const common = (point: Point) => ({
    startTime: point.startTime,
    endTime: point.endTime,
    attributes: Object.fromEntries(Object.entries(point.labels).map(([label, value]) => attributes(label, value))),
  });
  const aggregationTemporality =
    options.isDelta && type !== 'gauge' ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE;
  const base = { descriptor, aggregationTemporality };
  if (type !== 'histogram') {
    const dataPoints = points.map((point) => ({ ...common(point), value: point.value as number }));
    if (type === 'gauge') return { ...base, dataPointType: DataPointType.GAUGE, dataPoints };
    return { ...base, dataPointType: DataPointType.SUM, dataPoints, isMonotonic: true };
  }
  const histograms = points.flatMap((point) => (isHistogram(point.value) ? [{ point, value: point.value }] : []));
  if (!options.isExplicit && histograms.every(({ value }) => value.exponential !== undefined)) {
    const dataPoints = histograms.map(({ point, value }) => {
      const { scale, zeroThreshold, zeroCount, offset, counts } = value.exponential as ExponentialReading;
      const { count, sum } = value;
      const positive = { offset, bucketCounts: counts };
      const negative = { offset: 0, bucketCounts: [] };
      const more: MorePoint = { zeroThreshold, ...exemplarsOf(value, point) };
      return { ...common(point), value: { count, sum, scale, zeroCount, positive, negative }, ...more };
    });
    return { ...base, dataPointType: DataPointType.EXPONENTIAL_HISTOGRAM, dataPoints };
  }
  const dataPoints = histograms.map(({ point, value }) => {
    const { count, sum, bounds, counts } = value;
    const buckets = { boundaries: [...bounds], counts };
    return { ...common(point), value: { count, sum, buckets }, ...exemplarsOf(value, point) };
  });
  return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints };
}

function exemplarsOf({ exemplars }: HistogramReading, { since }: Point): MorePoint {
  if (exemplars === undefined) return {};
  const newest = exemplars.filter((each): each is ExemplarReading => each !== undefined && each.timestamp >= since);
  return { exemplars: newest };
}

/** From one reading of a series to a later one. */
function gained(before: Value, now: Value): Value {
  if (!isHistogram(before) || !isHistogram(now)) return (now as number) - (before as number);
  return {
    ...now,
    count: now.count - before.count,
    sum: now.sum - before.sum,
    counts: now.counts.map((count, i) => count - before.counts[i]),
    ...(now.exponential &&
      before.exponential && { exponential: gainedExponential(before.exponential, now.exponential) }),
  };
}

function gainedExponential(before: ExponentialReading, now: ExponentialReading): ExponentialReading {
  const counts = now.counts.map((count, i) => count - (before.counts[now.offset + i - before.offset] ?? 0));
  const first = counts.findIndex((count) => count !== 0);
  const last = counts.findLastIndex((count) => count !== 0);
  return {
    ...now,
    zeroCount: now.zeroCount - before.zeroCount,
    offset: first < 0 ? 0 : now.offset + first,
    counts: first < 0 ? [] : counts.slice(first, last + 1),
  };
}

function hrTime(milliseconds: number): HrTime {
  const seconds = Math.floor(milliseconds / 1000);
  return [seconds, Math.round((milliseconds - seconds * 1000) * 1e6)];
}

const secondsOf = ([seconds, nanoseconds]: HrTime): number => seconds + nanoseconds / 1e9;
