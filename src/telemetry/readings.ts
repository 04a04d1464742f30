/** What all metrics are at one moment: for those who write them in a form of their own. */
export interface MetricReading {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  points: PointReading[];
}

export interface PointReading {
  labels: Readonly<Record<string, string>>;
  /** the same object as long as the series lives: one that comes again after it was freed starts at zero */
  series: object;
  value: number | HistogramReading;
}

export interface HistogramReading {
  count: number;
  sum: number;
  /** ascending upper bounds */
  bounds: readonly number[];
  /** by bucket, not cumulative, the last one is +Inf */
  counts: number[];
  /** the same observations in exponential buckets; absent where they were never counted so */
  exponential?: ExponentialReading;
  /** newest ones by bucket */
  exemplars?: readonly (ExemplarReading | undefined)[];
}

export interface ExponentialReading {
  /** bucket i ends, inclusively, at 2^((i + 1) / 2^scale) */
  scale: number;
  zeroThreshold: number;
  zeroCount: number;
  /** index of the first of `counts` */
  offset: number;
  counts: number[];
}

export interface ExemplarReading {
  traceId: string;
  spanId: string;
  value: number;
  /** seconds since the epoch */
  timestamp: number;
}

export const isHistogram = (value: number | HistogramReading): value is HistogramReading => typeof value === 'object';
