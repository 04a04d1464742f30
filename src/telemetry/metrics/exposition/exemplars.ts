import { foldName } from '../fold.ts';
import { OVERFLOW } from '../recording/label-values.ts';
import type { Group, Groups, Labels } from './groups.ts';

/** As prom-client shows it; `timestamp` is seconds since the epoch. */
export interface Exemplar {
  labelSet: { trace_id: string; span_id: string };
  value: number;
  timestamp: number;
}

/** A sampled message's trace, hex ids, and when it was observed in seconds since the epoch. */
export interface ExemplarContext {
  traceId: string;
  spanId: string;
  at: number;
}

/** Series found last, by topic. */
const MAX_FOUND = 1000;

/** The newest exemplar of each bucket of one histogram, for as long as its series live. */
export class Exemplars {
  readonly #groups: Groups;
  readonly #bounds: readonly number[];
  readonly #newest = new WeakMap<Group, (Exemplar | undefined)[]>();
  readonly #found = new Map<string, { labels: Labels; group: Group }>();

  constructor(groups: Groups, bounds: readonly number[]) {
    this.#groups = groups;
    this.#bounds = bounds;
  }

  /** `labels` as the events name them: unfolded, in the metric's order. False if there is no such series. */
  note(labels: Labels, seconds: number, { traceId, spanId, at }: ExemplarContext): boolean {
    const group = this.#find(labels);
    if (group === undefined) return false;
    let newest = this.#newest.get(group);
    if (newest === undefined) {
      newest = [];
      this.#newest.set(group, newest);
    }
    const bucket = this.#bounds.findIndex((bound) => seconds <= bound);
    newest[bucket === -1 ? this.#bounds.length : bucket] = {
      labelSet: { trace_id: traceId, span_id: spanId },
      value: seconds,
      timestamp: at,
    };
    return true;
  }

  /** By bucket, the last one +Inf; with holes. */
  of(group: Group): readonly (Exemplar | undefined)[] | undefined {
    return this.#newest.get(group);
  }

  /** A message of a topic is mostly of the series the last one was of: found so in a sixth of the time. */
  #find(labels: Labels): Group | undefined {
    const found = this.#found.get(labels.topic);
    if (found !== undefined && !found.group.isEmpty && same(found.labels, labels)) return found.group;
    const group = this.#group(Object.entries(labels), {});
    if (group === undefined || Object.values(group.labels).includes(OVERFLOW)) return group;
    if (this.#found.size >= MAX_FOUND) this.#found.clear();
    this.#found.set(labels.topic, { labels, group });
    return group;
  }

  /** Any value may have been counted under OVERFLOW; which ones were, only the traffic thread knows. */
  #group([first, ...rest]: [string, string][], chosen: Labels): Group | undefined {
    if (first === undefined) return this.#groups.find(chosen);
    const [name, value] = first;
    const folded = name === 'pipeline' ? value : foldName(value);
    return this.#group(rest, { ...chosen, [name]: folded }) ?? this.#group(rest, { ...chosen, [name]: OVERFLOW });
  }
}

function same(one: Labels, other: Labels): boolean {
  for (const name in one) if (one[name] !== other[name]) return false;
  return true;
}
