import { LabelValues, type LimitedLabel, OVERFLOW } from '../metrics/label-values.ts';
import type { Labels } from './groups.ts';

const LIMITED: readonly LimitedLabel[] = ['topic', 'pipeline', 'queue', 'edge'];

/**
 * The limits of label values over all traffic threads: each thread holds its own values within
 * them, but not all threads have the same ones. A value that found no room stays under OVERFLOW for
 * as long as any of its series lives, so that its counts stay together.
 */
export class LabelLimits {
  readonly #admitted: Map<string, LabelValues>;
  readonly #refused: Map<string, LabelValues>;
  readonly #folded: (label: LimitedLabel) => void;

  /** `max` values of each label, `maxEdges` of edge, 0: no limit; `folded` is told of each value that is put under OVERFLOW. */
  constructor(max: number, maxEdges: number, folded: (label: LimitedLabel) => void) {
    this.#admitted = new Map(LIMITED.map((label) => [label, new LabelValues(label === 'edge' ? maxEdges : max)]));
    this.#refused = new Map(LIMITED.map((label) => [label, new LabelValues(0)]));
    this.#folded = folded;
  }

  /** The labels a new series is shown with, `labels` itself unless one is over its limit. Its places are kept until `release`. */
  admit(labels: Labels): Labels {
    let shown = labels;
    for (const label of LIMITED) {
      const value = labels[label];
      if (value === undefined || value === OVERFLOW) continue;
      const refused = this.#refused.get(label) as LabelValues;
      const admitted = this.#admitted.get(label) as LabelValues;
      if (!refused.has(value) && admitted.admit(value) === value) {
        admitted.retain(value);
        continue;
      }
      shown = { ...shown, [label]: OVERFLOW };
      if (!refused.has(value)) this.#folded(label);
      refused.retain(value);
    }
    return shown;
  }

  /** The series is gone: `labels` as they were given, `shown` as they were returned. */
  release(labels: Labels, shown: Labels): void {
    for (const label of LIMITED) {
      const value = labels[label];
      if (value === undefined || value === OVERFLOW) continue;
      const holders = shown[label] === value ? this.#admitted : this.#refused;
      holders.get(label)?.release(value);
    }
  }
}
