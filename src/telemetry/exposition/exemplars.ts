import { hexOf } from '../../events/hex.ts';
import { foldName } from '../metrics/fold.ts';
import { OVERFLOW } from '../metrics/label-values.ts';
import type { Group, Groups, Labels } from './groups.ts';

/** As prom-client shows it; `timestamp` is seconds since the epoch. */
export interface Exemplar {
  labelSet: { trace_id: string; span_id: string };
  value: number;
  timestamp: number;
}

/** A sampled message's trace id in words 0–3 from `idsAt`, its span id in 4–5. */
export interface Ids {
  readonly ids: Uint32Array;
  readonly idsAt: number;
}
const WORDS = 6;

/** What an event says of the series it was counted in. Those of one series are mostly the same object. */
export interface SeriesNames {
  readonly topic: string;
  readonly pipeline: string;
  readonly queue: string;
}

/** The newest exemplars of a histogram by bucket, the last one +Inf; `at` is NaN where there is none. */
class Newest {
  readonly ids: Uint32Array;
  readonly values: Float64Array;
  readonly at: Float64Array;

  constructor(buckets: number) {
    this.ids = new Uint32Array(buckets * WORDS);
    this.values = new Float64Array(buckets);
    this.at = new Float64Array(buckets).fill(Number.NaN);
  }
}

/** The newest exemplar of each bucket of one histogram, for as long as its series live. */
export class Exemplars {
  readonly #groups: Groups;
  readonly #bounds: readonly number[];
  readonly #labels: readonly string[];
  readonly #newest = new WeakMap<Group, Newest>();
  /** with the names asked for last: mostly the next ones are the same */
  readonly #found = new WeakMap<SeriesNames, { group: Group; newest: Newest }>();

  /** `labels`: of the metric, in its order. */
  constructor(groups: Groups, bounds: readonly number[], labels: readonly string[]) {
    this.#groups = groups;
    this.#bounds = bounds;
    this.#labels = labels;
  }

  /** `names` as the events have them: unfolded; `at` in seconds since the epoch. False if there is no such series. */
  note(names: SeriesNames, seconds: number, { ids, idsAt }: Ids, at: number): boolean {
    const newest = this.#find(names);
    if (newest === undefined) return false;
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && !(seconds <= bounds[bucket])) bucket++;
    for (let i = 0; i < WORDS; i++) newest.ids[bucket * WORDS + i] = ids[idsAt + i];
    newest.values[bucket] = seconds;
    newest.at[bucket] = at;
    return true;
  }

  /** By bucket, the last one +Inf. */
  of(group: Group): readonly (Exemplar | undefined)[] | undefined {
    const newest = this.#newest.get(group);
    if (newest === undefined) return undefined;
    const { ids, values, at } = newest;
    return Array.from(at, (timestamp, bucket) => {
      if (Number.isNaN(timestamp)) return undefined;
      const trace_id = hexOf(ids, bucket * WORDS, 4);
      const span_id = hexOf(ids, bucket * WORDS + 4, 2);
      return { labelSet: { trace_id, span_id }, value: values[bucket], timestamp };
    });
  }

  #find(names: SeriesNames): Newest | undefined {
    const found = this.#found.get(names);
    if (found !== undefined && !found.group.isEmpty) return found.newest;
    const values = this.#labels.map((label): [string, string] => [label, names[label as keyof SeriesNames]]);
    const group = this.#group(values, {});
    if (group === undefined) return undefined;
    let newest = this.#newest.get(group);
    if (newest === undefined) {
      newest = new Newest(this.#bounds.length + 1);
      this.#newest.set(group, newest);
    }
    // one of its own may come
    if (!Object.values(group.labels).includes(OVERFLOW)) this.#found.set(names, { group, newest });
    return newest;
  }

  /** Any value may have been counted under OVERFLOW; which ones were, only the traffic thread knows. */
  #group([first, ...rest]: [string, string][], chosen: Labels): Group | undefined {
    if (first === undefined) return this.#groups.find(chosen);
    const [name, value] = first;
    const folded = name === 'pipeline' ? value : foldName(value);
    return this.#group(rest, { ...chosen, [name]: folded }) ?? this.#group(rest, { ...chosen, [name]: OVERFLOW });
  }
}
