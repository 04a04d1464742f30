import type { Source } from './cell-reader.ts';

/** What a metric is, apart from its values: enough for HELP, TYPE and the reference. */
export interface Declaration {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  /** `le` of histograms is understood */
  labels: readonly string[];
}

/** A metric made of the traffic threads' cells. */
export interface CellMetric extends Declaration {
  from: readonly Source[];
  /** of histograms, seconds */
  bounds?: readonly number[];
  /**
   * Not the sum over the threads, but `latest`: the newest of what they told, as 1 or 0; or `greatest`
   * of what they told, absent if that is negative.
   */
  show?: 'latest' | 'greatest';
}
