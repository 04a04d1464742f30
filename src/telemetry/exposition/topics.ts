import { grown } from '../../amqp/bytes.ts';
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
import { GainHistory, gained } from './gain-history.ts';
import type { Groups, Labels, View } from './groups.ts';
import type { LossRate } from './loss-rate.ts';
import { TopicRows } from './topic-rows.ts';

/** Steps that the last minute is made of, beside the one that is under way. */
const MINUTE = 6;

// Columns of a row; behind them the buckets of latency, confirm and processing.
const PUBLISHED = 0;
const CONSUMED = 1;
const LOST = 2;
const FIRST_BUCKET = 3;

/** Counts by topic and pipeline, and what else their labels are. Metrics under the same names show the same. */
export interface TopicGroups {
  /** by operation */
  passed: Groups;
  lost: Groups;
  unknown: Groups;
  requeued: Groups;
  deadLettered: Groups;
  redelivered: Groups;
  bytes: Groups;
  /** by queue */
  unsettled: Groups;
  latency: Groups;
  confirm: Groups;
  /** by queue */
  processing: Groups;
}

type Histograms = 'latency' | 'confirm' | 'processing';

/**
 * What the page asks of topics: counts of the last minute and of each ten seconds of the last quarter of an hour, out of
 * the same cells as the metrics. While nobody asks, it goes over the cells once in ten seconds.
 */
export class Topics {
  readonly #groups: TopicGroups;
  readonly #lossRate: LossRate;
  readonly #rows = new TopicRows();
  readonly #bounds: Record<Histograms, readonly number[]>;
  /** where the buckets of each begin */
  readonly #at: Record<Histograms, number>;
  readonly #columns: number;
  readonly #history: GainHistory;
  /** counts at the end of the last step that is in the history, by row and column */
  #before = new Float64Array(0);
  #now = new Float64Array(0);
  /** by row, the last step in which its topic was there */
  #seen = new Float64Array(0);
  /** under way; NaN: it has not begun */
  #step = Number.NaN;
  #since = 0;

  constructor(groups: TopicGroups, lossRate: LossRate, { latency = [], confirm = [], processing = [] }: FamilyBounds) {
    this.#groups = groups;
    this.#lossRate = lossRate;
    this.#bounds = { latency, confirm, processing };
    const afterLatency = FIRST_BUCKET + latency.length + 1;
    const afterConfirm = afterLatency + confirm.length + 1;
    this.#at = { latency: FIRST_BUCKET, confirm: afterLatency, processing: afterConfirm };
    this.#columns = afterConfirm + processing.length + 1;
    this.#history = new GainHistory(this.#columns);
  }

  /** Bytes that rows and history take. */
  get bytes(): number {
    return this.#history.bytes + this.#before.byteLength + this.#now.byteLength + this.#seen.byteLength;
  }

  /** Call once a second: the wall clock in milliseconds, and the counts. */
  snapshot(wallMs: number, view: View): void {
    const step = Math.floor(wallMs / STEP_MS);
    if (Number.isNaN(this.#step)) {
      this.#since = wallMs;
      this.#step = step;
    }
    if (step === this.#step) return;
    this.#gather(view);
    if (step < this.#step - 1) {
      // the clock was put back: what was noted is of times to come
      this.#history.clear();
      this.#since = wallMs;
    } else if (step > this.#step) {
      this.#history.add(this.#step, this.#rows.size, this.#before, this.#now);
    } else return;
    [this.#before, this.#now] = [this.#now, this.#before];
    this.#step = step;
    this.#forget();
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
    this.#gather(view);
    const rows: number[] = [];
    for (let row = 0; row < this.#rows.size; row++) {
      const names = this.#rows.names(row);
      if (names !== undefined && keys.has(rowKey(names.topic, names.pipeline))) rows.push(row);
    }
    return { ...this.#when(wallMs), lines: this.#lines(rows) };
  }

  /** Undefined: there is no such topic. */
  detail(wallMs: number, view: View, topic: string, pipeline: string): DetailPart | undefined {
    const totals = this.#totals(view);
    const row = this.#rows.find(topic, pipeline);
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
    const quarter = this.#gains(this.#step - STEPS + 1, [row]);
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
    return { at: wallMs, since: this.#since, bounds: this.#bounds.latency };
  }

  #windowSeconds(wallMs: number): number {
    return Math.max(1, (wallMs - Math.max(this.#since, (this.#step - MINUTE) * STEP_MS)) / 1000);
  }

  #part(row: number, total: Totals, window: Gains): TopicPart {
    const names = this.#rows.names(row) as { topic: string; pipeline: string };
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
    const bounds = this.#bounds[of];
    const at = this.#at[of];
    return { bounds, counts: Array.from({ length: bounds.length + 1 }, (_, i) => gains?.[at + i] ?? 0) };
  }

  #lines(rows: number[]): LinePart[] {
    const points = new Map<number, LinePoint[]>(rows.map((row) => [row, []]));
    for (let step = this.#step - STEPS + 1; step <= this.#step; step++) {
      for (const [row, gains] of this.#gainsOf(step, rows)) {
        const { counts } = this.#histogram('latency', gains);
        points.get(row)?.push([step, gains[PUBLISHED], gains[CONSUMED], gains[LOST], counts]);
      }
    }
    return rows.map((row) => ({
      ...(this.#rows.names(row) as { topic: string; pipeline: string }),
      points: points.get(row) ?? [],
    }));
  }

  #queues(unsettled: Iterable<QueueGroup>, processing: Iterable<QueueGroup>, view: View): DetailPart['queues'] {
    const bounds = this.#bounds.processing;
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
  #window(rows?: number[]): Gains {
    return this.#gains(this.#step - MINUTE, rows);
  }

  /** What the steps from one on brought, with the one under way. */
  #gains(from: number, rows: number[] | undefined): Gains {
    const sums: Gains = new Map();
    for (let step = from; step <= this.#step; step++) this.#addGains(step, rows, sums);
    return sums;
  }

  #gainsOf(step: number, rows: number[]): Gains {
    const gains: Gains = new Map();
    this.#addGains(step, rows, gains);
    return gains;
  }

  #addGains(step: number, rows: number[] | undefined, to: Gains): void {
    const add = (row: number, column: number, count: number): void => {
      let sums = to.get(row);
      if (sums === undefined) {
        sums = new Float64Array(this.#columns);
        to.set(row, sums);
      }
      sums[column] += count;
    };
    if (step < this.#step) {
      this.#history.read(step, rows, add);
      return;
    }
    for (const row of rows ?? Array.from({ length: this.#rows.size }, (_, row) => row)) {
      for (let column = 0, i = row * this.#columns; column < this.#columns; column++, i++) {
        const gain = gained(this.#before[i], this.#now[i]);
        if (gain > 0) add(row, column, gain);
      }
    }
  }

  /** By row, those that are there now. */
  #totals(view: View): Map<number, Totals> {
    this.#gather(view);
    const totals = new Map<number, Totals>();
    const of = ({ topic, pipeline }: Labels): Totals | undefined => {
      const row = this.#rows.find(topic, pipeline);
      return row === undefined ? undefined : totals.get(row);
    };
    for (const group of this.#groups.passed) {
      const row = this.#rows.of(group.labels.topic, group.labels.pipeline);
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

  /** The counts of all rows, into #now. */
  #gather(view: View): void {
    for (const { labels } of this.#groups.passed) this.#seeRow(this.#rows.of(labels.topic, labels.pipeline));
    this.#now.fill(0);
    for (const group of this.#groups.passed) {
      const column = group.labels.operation === 'publish' ? PUBLISHED : CONSUMED;
      this.#now[this.#place(group.labels) + column] += group.total(view);
    }
    for (const group of this.#groups.lost) this.#count(group.labels, LOST, group.total(view));
    for (const of of ['latency', 'confirm', 'processing'] as const) {
      const cells = new Float64Array(this.#bounds[of].length + 2);
      const buckets = cells.length - 1;
      for (const group of this.#groups[of]) {
        const place = this.#place(group.labels);
        if (place < 0) continue;
        group.sumInto(cells, view);
        for (let i = 0, at = place + this.#at[of]; i < buckets; i++, at++) this.#now[at] += cells[i];
      }
    }
  }

  #count(labels: Labels, column: number, count: number): void {
    const place = this.#place(labels);
    if (place >= 0) this.#now[place + column] += count;
  }

  /** Where a topic's row begins; -1: it has none. */
  #place({ topic, pipeline }: Labels): number {
    const row = this.#rows.find(topic, pipeline);
    return row === undefined ? -1 : row * this.#columns;
  }

  #seeRow(row: number): void {
    if (row >= this.#seen.length) {
      const rows = Math.max(16, 2 * row);
      this.#seen = grown(this.#seen, rows);
      this.#before = grown(this.#before, rows * this.#columns);
      this.#now = grown(this.#now, rows * this.#columns);
    }
    this.#seen[row] = this.#step;
  }

  /** Rows whose topic has gone, and of which no step tells any more. */
  #forget(): void {
    for (let row = 0; row < this.#rows.size; row++) {
      if (this.#rows.names(row) === undefined || this.#step - this.#seen[row] <= STEPS) continue;
      this.#rows.delete(row);
      this.#before.fill(0, row * this.#columns, (row + 1) * this.#columns);
    }
  }
}

/** By row, by column. */
type Gains = Map<number, Float64Array>;

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
