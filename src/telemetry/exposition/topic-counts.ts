import { grown } from '../../amqp/bytes.ts';
import { STEP_MS, STEPS } from '../../parts.ts';
import type { FamilyBounds } from '../metrics/families.ts';
import { GainHistory, gained } from './gain-history.ts';
import type { Groups, Labels, View } from './groups.ts';
import { TopicRows } from './topic-rows.ts';

// Columns of a row; behind them the buckets of latency, confirm and processing.
export const PUBLISHED = 0;
export const CONSUMED = 1;
export const LOST = 2;
const FIRST_BUCKET = 3;

export type Histograms = 'latency' | 'confirm' | 'processing';

/** By row, by column. */
export type Gains = ReadonlyMap<number, Float64Array>;

/** Counts by topic and pipeline, and what else their labels are. */
export interface CountedGroups {
  /** by operation */
  passed: Groups;
  lost: Groups;
  latency: Groups;
  confirm: Groups;
  /** by queue */
  processing: Groups;
}

/**
 * What each topic was counted in each ten seconds of the last quarter of an hour. While nobody asks, it goes over the
 * cells once in ten seconds.
 */
export class TopicCounts {
  readonly rows = new TopicRows();
  /** under way; NaN: it has not begun */
  step = Number.NaN;
  /** when the counts begin, milliseconds since the epoch */
  since = 0;
  readonly bounds: Record<Histograms, readonly number[]>;
  /** the column at which the buckets of each begin */
  readonly at: Record<Histograms, number>;
  readonly #groups: CountedGroups;
  readonly #columns: number;
  readonly #history: GainHistory;
  /** counts at the end of the last step that is in the history, by row and column */
  #before = new Float64Array(0);
  #now = new Float64Array(0);
  /** by row, the last step in which its topic was there */
  #seen = new Float64Array(0);

  constructor(groups: CountedGroups, { latency = [], confirm = [], processing = [] }: FamilyBounds) {
    this.#groups = groups;
    this.bounds = { latency, confirm, processing };
    const afterLatency = FIRST_BUCKET + latency.length + 1;
    const afterConfirm = afterLatency + confirm.length + 1;
    this.at = { latency: FIRST_BUCKET, confirm: afterLatency, processing: afterConfirm };
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
    if (Number.isNaN(this.step)) {
      this.since = wallMs;
      this.step = step;
    }
    if (step === this.step) return;
    this.gather(view);
    if (step < this.step - 1) {
      // the clock was put back: what was noted is of times to come
      this.#history.clear();
      this.since = wallMs;
      this.#seen.fill(step);
    } else if (step > this.step) {
      this.#history.add(this.step, this.rows.size, this.#before, this.#now);
    } else return;
    [this.#before, this.#now] = [this.#now, this.#before];
    this.#forget(Math.min(step, this.step));
    this.step = step;
  }

  /** What all rows, or these, which are sorted, gained from one step to another, which may be the one under way. Call `gather` before. */
  gains(from: number, to: number, rows?: readonly number[]): Gains {
    const sums = new Map<number, Float64Array>();
    for (let step = from; step <= to; step++) this.#addGains(step, rows, sums);
    return sums;
  }

  #addGains(step: number, rows: readonly number[] | undefined, to: Map<number, Float64Array>): void {
    const add = (row: number, column: number, count: number): void => {
      let sums = to.get(row);
      if (sums === undefined) {
        sums = new Float64Array(this.#columns);
        to.set(row, sums);
      }
      sums[column] += count;
    };
    if (step < this.step) {
      this.#history.read(step, rows, add);
      return;
    }
    for (const row of rows ?? Array.from({ length: this.rows.size }, (_, row) => row)) {
      for (let column = 0, i = row * this.#columns; column < this.#columns; column++, i++) {
        const gain = gained(this.#before[i], this.#now[i]);
        if (gain > 0) add(row, column, gain);
      }
    }
  }

  /** The counts of all rows, into #now. */
  gather(view: View): void {
    for (const { labels } of this.#groups.passed) this.#seeRow(this.rows.of(labels.topic, labels.pipeline));
    this.#now.fill(0);
    for (const group of this.#groups.passed) {
      const column = group.labels.operation === 'publish' ? PUBLISHED : CONSUMED;
      this.#now[this.#place(group.labels) + column] += group.total(view);
    }
    for (const group of this.#groups.lost) this.#count(group.labels, LOST, group.total(view));
    for (const each of ['latency', 'confirm', 'processing'] as const) {
      const cells = new Float64Array(this.bounds[each].length + 2);
      const buckets = cells.length - 1;
      for (const group of this.#groups[each]) {
        const place = this.#place(group.labels);
        if (place < 0) continue;
        group.sumInto(cells, view);
        for (let i = 0, at = place + this.at[each]; i < buckets; i++, at++) this.#now[at] += cells[i];
      }
    }
  }

  #count(labels: Labels, column: number, count: number): void {
    const place = this.#place(labels);
    if (place >= 0) this.#now[place + column] += count;
  }

  /** Where a topic's row begins; -1: it has none. */
  #place({ topic, pipeline }: Labels): number {
    const row = this.rows.find(topic, pipeline);
    return row === undefined ? -1 : row * this.#columns;
  }

  #seeRow(row: number): void {
    if (row >= this.#seen.length) {
      const rows = Math.max(16, 2 * row);
      this.#seen = grown(this.#seen, rows);
      this.#before = grown(this.#before, rows * this.#columns);
      this.#now = grown(this.#now, rows * this.#columns);
    }
    this.#seen[row] = this.step;
  }

  /** Rows whose topic had gone at `step`, and of which no step tells any more. */
  #forget(step: number): void {
    for (let row = 0; row < this.rows.size; row++) {
      if (this.rows.names(row) === undefined || step - this.#seen[row] <= STEPS) continue;
      this.rows.delete(row);
      this.#before.fill(0, row * this.#columns, (row + 1) * this.#columns);
    }
  }
}
