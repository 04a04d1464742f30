import {
  type CountBy,
  type DetailPart,
  type Histogram,
  type LinePart,
  type LinePoint,
  type LinesPart,
  rowKey,
  STEP_MS,
  STEPS,
  type TopicPart,
  type TopicsPart,
} from '../../parts.ts';
import type { FamilyBounds } from '../metrics/families.ts';
import type { Groups, Labels, View } from './groups.ts';
import type { LossRate } from './loss-rate.ts';
import {
  CONSUMED,
  type CountedGroups,
  type Gains,
  type Histograms,
  LOST,
  PUBLISHED,
  TopicCounts,
} from './topic-counts.ts';

/** Steps that the last minute is made of, beside the one that is under way. */
const MINUTE = 6;

/** Metrics under the same names show the same. */
export interface TopicGroups extends CountedGroups {
  unknown: Groups;
  requeued: Groups;
  deadLettered: Groups;
  redelivered: Groups;
  bytes: Groups;
  /** by queue */
  unsettled: Groups;
}

/**
 * What the page asks of topics: counts of the last minute and of each ten seconds of the last quarter of an hour, out of
 * the same cells as the metrics.
 */
export class Topics {
  readonly #groups: TopicGroups;
  readonly #lossRate: LossRate;
  readonly #counts: TopicCounts;

  constructor(groups: TopicGroups, lossRate: LossRate, bounds: FamilyBounds) {
    this.#groups = groups;
    this.#lossRate = lossRate;
    this.#counts = new TopicCounts(groups, bounds);
  }

  /** Call once a second: the wall clock in milliseconds, and the counts. */
  snapshot(wallMs: number, view: View): void {
    this.#counts.snapshot(wallMs, view);
  }

  /** Those whose names contain `search`, in lower case. */
  part(wallMs: number, view: View, search: string): TopicsPart {
    const totals = this.#totals(view);
    const window = this.#window();
    const topics: TopicPart[] = [];
    for (const [row, total] of totals) {
      const part = this.#part(row, total, window);
      const { topic, pipeline } = part;
      if (search === '' || topic.toLowerCase().includes(search) || pipeline.toLowerCase().includes(search))
        topics.push(part);
    }
    return { ...this.#when(wallMs), windowSeconds: this.#windowSeconds(wallMs), topics };
  }

  /** Lines of the rows that have one of these keys. */
  lines(wallMs: number, view: View, keys: ReadonlySet<string>): LinesPart {
    this.#counts.gather(view);
    const rows: number[] = [];
    for (let row = 0; row < this.#counts.rows.size; row++) {
      const names = this.#counts.rows.names(row);
      if (names !== undefined && keys.has(rowKey(names.topic, names.pipeline))) rows.push(row);
    }
    return { ...this.#when(wallMs), lines: this.#lines(rows) };
  }

  /** Undefined: there is no such topic. */
  detail(wallMs: number, view: View, topic: string, pipeline: string): DetailPart | undefined {
    const totals = this.#totals(view);
    const row = this.#counts.rows.find(topic, pipeline);
    const total = row === undefined ? undefined : totals.get(row);
    if (row === undefined || total === undefined) return undefined;
    const isOf = ({ labels }: { labels: Labels }): boolean => labels.topic === topic && labels.pipeline === pipeline;
    const counts = (groups: Groups): { labels: Labels; count: number }[] =>
      [...groups].filter(isOf).map((group) => ({ labels: group.labels, count: group.total(view) }));
    const by = (groups: Groups): CountBy[] =>
      counts(groups).map(({ labels, count }) => ({
        side: labels.side as CountBy['side'],
        reason: labels.reason,
        count,
      }));
    const { lost, unknown, requeued, deadLettered, redelivered, bytes, unsettled, processing } = this.#groups;
    const sizes = counts(bytes);
    const size = (side: string): number => sizes.find(({ labels }) => labels.side === side)?.count ?? 0;
    const quarter = this.#counts.gains(this.#counts.step - STEPS + 1, this.#counts.step, [row]);
    return {
      ...this.#when(wallMs),
      windowSeconds: this.#windowSeconds(wallMs),
      row: this.#part(row, total, this.#window([row])),
      line: this.#lines([row])[0],
      confirm: this.#histogram('confirm', quarter.get(row)),
      processing: this.#histogram('processing', quarter.get(row)),
      lost: by(lost),
      unknown: by(unknown),
      requeued: counts(requeued).map(({ labels: { reason }, count }) => ({ reason, count })),
      deadLettered: counts(deadLettered).map(({ labels: { queue, reason }, count }) => ({ queue, reason, count })),
      redelivered: sum(counts(redelivered)),
      bytes: { publish: size('publish'), consume: size('consume') },
      queues: this.#queues([...unsettled].filter(isOf), [...processing].filter(isOf), view),
    };
  }

  /** Pipelines in which there is such a topic. */
  pipelinesOf(topic: string): string[] {
    const pipelines = new Set<string>();
    for (const { labels } of this.#groups.passed) if (labels.topic === topic) pipelines.add(labels.pipeline);
    return [...pipelines];
  }

  #when(wallMs: number): { at: number; since: number; bounds: readonly number[] } {
    return { at: wallMs, since: this.#counts.since, bounds: this.#counts.bounds.latency };
  }

  #windowSeconds(wallMs: number): number {
    return Math.max(1, (wallMs - Math.max(this.#counts.since, (this.#counts.step - MINUTE) * STEP_MS)) / 1000);
  }

  #part(row: number, total: Totals, window: Gains): TopicPart {
    const names = this.#counts.rows.names(row) as { topic: string; pipeline: string };
    const gains = window.get(row);
    return {
      ...names,
      published: gains?.[PUBLISHED] ?? 0,
      consumed: gains?.[CONSUMED] ?? 0,
      ...total,
      latency: this.#histogram('latency', gains).counts,
    };
  }

  #histogram(of: Histograms, gains: Float64Array | undefined): Histogram {
    const bounds = this.#counts.bounds[of];
    const at = this.#counts.at[of];
    return { bounds, counts: Array.from({ length: bounds.length + 1 }, (_, i) => gains?.[at + i] ?? 0) };
  }

  #lines(rows: number[]): LinePart[] {
    const points = new Map<number, LinePoint[]>(rows.map((row) => [row, []]));
    for (let step = this.#counts.step - STEPS + 1; step <= this.#counts.step; step++) {
      for (const [row, gains] of this.#counts.gains(step, step, rows)) {
        const { counts } = this.#histogram('latency', gains);
        points.get(row)?.push([step, gains[PUBLISHED], gains[CONSUMED], gains[LOST], counts]);
      }
    }
    return rows.map((row) => ({
      ...(this.#counts.rows.names(row) as { topic: string; pipeline: string }),
      points: points.get(row) ?? [],
    }));
  }

  #queues(unsettled: Iterable<QueueGroup>, processing: Iterable<QueueGroup>, view: View): DetailPart['queues'] {
    const bounds = this.#counts.bounds.processing;
    const none = (): number[] => new Array(bounds.length + 1).fill(0);
    const queues = new Map<string, { unsettled: number; counts: number[] }>();
    const of = (queue: string) => {
      const known = queues.get(queue) ?? { unsettled: 0, counts: none() };
      queues.set(queue, known);
      return known;
    };
    for (const group of unsettled) of(group.labels.queue).unsettled += group.total(view);
    const cells = new Float64Array(bounds.length + 2);
    for (const group of processing) {
      group.sumInto(cells, view);
      of(group.labels.queue).counts = [...cells.subarray(0, -1)];
    }
    return [...queues].map(([queue, { unsettled, counts }]) => ({ queue, unsettled, processing: { bounds, counts } }));
  }

  /** What the last minute and the step under way brought. */
  #window(rows?: readonly number[]): Gains {
    const { step } = this.#counts;
    return this.#counts.gains(step - MINUTE, step, rows);
  }

  /** By row, those that are there now. */
  #totals(view: View): Map<number, Totals> {
    this.#counts.gather(view);
    const totals = new Map<number, Totals>();
    const of = ({ topic, pipeline }: Labels): Totals | undefined => {
      const row = this.#counts.rows.find(topic, pipeline);
      return row === undefined ? undefined : totals.get(row);
    };
    for (const group of this.#groups.passed) {
      const row = this.#counts.rows.of(group.labels.topic, group.labels.pipeline);
      let known = totals.get(row);
      if (known === undefined) {
        known = noTotals();
        totals.set(row, known);
      }
      known[group.labels.operation === 'publish' ? 'publishedTotal' : 'consumedTotal'] += group.total(view);
    }
    for (const what of ['lost', 'unknown', 'unsettled'] as const) {
      for (const group of this.#groups[what]) {
        const known = of(group.labels);
        if (known !== undefined) known[what] += group.total(view);
      }
    }
    for (const { labels, ended, lost } of this.#lossRate.recent()) {
      const known = of(labels);
      if (known === undefined) continue;
      const side = labels.side === 'publish' ? 0 : 1;
      known.ended[side] += ended;
      known.lostLately[side] += lost;
    }
    return totals;
  }
}

type QueueGroup = { labels: Labels; total(view: View): number; sumInto(cells: Float64Array, view: View): void };

interface Totals {
  publishedTotal: number;
  consumedTotal: number;
  lost: number;
  unknown: number;
  unsettled: number;
  ended: [number, number];
  lostLately: [number, number];
}

const noTotals = (): Totals => ({
  publishedTotal: 0,
  consumedTotal: 0,
  lost: 0,
  unknown: 0,
  unsettled: 0,
  ended: [0, 0],
  lostLately: [0, 0],
});

const sum = (counts: { count: number }[]): number => counts.reduce((total, { count }) => total + count, 0);
