import type { BucketLayout } from '../metrics/bucket-layout.ts';

/** The counts as they are, or as they were at one moment. */
export interface View {
  /** by the thread's number */
  cells: readonly Float64Array[];
  /** series with a higher number came later: their cells are not theirs yet, or not there at all */
  upTo: number;
}

/** Where the cells of one series are. */
export interface CellRange {
  /** higher than of all series before */
  number: number;
  thread: number;
  at: number;
  /** undefined: a single cell */
  layout: BucketLayout | undefined;
}

export type Labels = Record<string, string>;

/**
 * The series that are shown as one. There are a dozen for each topic, and mostly of a single series:
 * one has no set to hold it (a fifth of what a topic took).
 */
export class Group {
  readonly labels: Labels;
  /** `labels` as they stand in a sample: name="value" after name="value" */
  readonly text: string;
  #only: CellRange | undefined;
  #several: Set<CellRange> | undefined;
  /** What withdrawn series had counted (valuesOf) while others of the group live on: counters must not go back. */
  #base: Float64Array | undefined;
  #seen = 0;

  constructor(labels: Labels, text: string) {
    this.labels = labels;
    this.text = text;
  }

  get isEmpty(): boolean {
    return this.#only === undefined && (this.#several === undefined || this.#several.size === 0);
  }

  /** Nothing is left of the counts of one that has gone since, and one that came since has none yet. */
  isIn({ upTo }: View): boolean {
    for (const { number } of this.#ranges()) if (number <= upTo) return true;
    return false;
  }

  add(range: CellRange): void {
    if (this.#several !== undefined) this.#several.add(range);
    else if (this.#only === undefined) this.#only = range;
    else {
      this.#several = new Set([this.#only, range]);
      this.#only = undefined;
    }
  }

  /** False if it is none of the group's. */
  delete(range: CellRange): boolean {
    if (this.#several !== undefined) return this.#several.delete(range);
    if (this.#only !== range) return false;
    this.#only = undefined;
    return true;
  }

  /** `last`: what a series that was deleted had counted. */
  keep(last: Float64Array): void {
    this.#base ??= new Float64Array(last.length);
    for (let i = 0; i < last.length; i++) this.#base[i] += last[i];
  }

  /** The sum of the group's single cells. */
  total(view: View): number {
    let sum = this.#base?.[0] ?? 0;
    if (this.#only !== undefined) sum += first(this.#only, view);
    if (this.#several !== undefined) for (const range of this.#several) sum += first(range, view);
    return sum;
  }

  /** What `total` has grown by since the last call. */
  gained(view: View): number {
    const now = this.total(view);
    const gained = now - this.#seen;
    this.#seen = now;
    return gained;
  }

  /** Of a histogram: adds up the counts of its explicit buckets, the last one +Inf, and the sum, into `sums`. */
  sumInto(sums: Float64Array, view: View): void {
    sums.fill(0);
    const sum = sums.length - 1;
    this.#each(
      view,
      ({ explicitOf }, bucket, count) => {
        sums[explicitOf[bucket]] += count;
      },
      (value) => {
        sums[sum] += value;
      },
    );
  }

  /** Of a histogram: adds up the counts of all buckets of its layout, and the sum behind them, into `sums`. */
  sumBuckets(sums: Float64Array, view: View): void {
    sums.fill(0);
    const sum = sums.length - 1;
    this.#each(
      view,
      (_, bucket, count) => {
        sums[bucket] += count;
      },
      (value) => {
        sums[sum] += value;
      },
    );
  }

  #each(
    view: View,
    add: (layout: BucketLayout, bucket: number, count: number) => void,
    addSum: (sum: number) => void,
  ): void {
    let base = this.#base;
    for (const { number, thread, at, layout } of this.#ranges()) {
      if (layout === undefined) continue;
      if (base !== undefined) {
        for (let bucket = 0; bucket < layout.length; bucket++) add(layout, bucket, base[bucket]);
        addSum(base[layout.length]);
        base = undefined;
      }
      if (number > view.upTo) continue;
      const cells = view.cells[thread];
      layout.read(cells, at, (bucket, count) => add(layout, bucket, count));
      addSum(cells[layout.sumAt(at)]);
    }
  }

  /** The greatest of the group's single cells. */
  greatest(view: View): number {
    let value = Number.NEGATIVE_INFINITY;
    for (const range of this.#ranges()) value = Math.max(value, first(range, view));
    return value;
  }

  /** What was told last, of cells that hold when they were told, negative for "no". */
  latest(view: View): boolean {
    let told = 0;
    for (const range of this.#ranges()) {
      const value = first(range, view);
      if (Math.abs(value) > Math.abs(told)) told = value;
    }
    return told > 0;
  }

  #ranges(): Iterable<CellRange> {
    return this.#several ?? (this.#only === undefined ? [] : [this.#only]);
  }
}

/** A single cell; 0 if its series came later. */
function first({ number, thread, at }: CellRange, { cells, upTo }: View): number {
  return number > upTo ? 0 : cells[thread][at];
}

/** Series added up by the labels they are shown with, over families and over threads. */
export class Groups implements Iterable<Group> {
  readonly #cumulative: boolean;
  /** by text */
  readonly #groups = new Map<string, Group>();

  /** `cumulative`: counts, which must not go back. */
  constructor(cumulative: boolean) {
    this.#cumulative = cumulative;
  }

  [Symbol.iterator](): Iterator<Group> {
    return this.#groups.values();
  }

  /** The group with exactly these labels, in the order in which the table has them. */
  find(labels: Labels): Group | undefined {
    return this.#groups.get(written(labels));
  }

  add(range: CellRange, labels: Labels): void {
    const text = written(labels);
    let group = this.#groups.get(text);
    if (group === undefined) {
      group = new Group(labels, text);
      this.#groups.set(text, group);
    }
    group.add(range);
  }

  /** `last`: the values the series was withdrawn with. */
  remove(range: CellRange, labels: Labels, last: Float64Array): void {
    const text = written(labels);
    const group = this.#groups.get(text);
    if (group === undefined || !group.delete(range)) return;
    if (group.isEmpty) this.#groups.delete(text);
    else if (this.#cumulative) group.keep(last);
  }
}

/** Groups of one table always have the same labels in the same order, but for absent ones: it is their key too. */
function written(labels: Labels): string {
  let text = '';
  for (const name in labels) text += `${text === '' ? '' : ','}${name}="${escaped(labels[name])}"`;
  return text;
}

function escaped(value: string): string {
  if (!/[\\\n"]/.test(value)) return value;
  return value.replace(/[\\\n"]/g, (each) => (each === '\n' ? '\\n' : `\\${each}`));
}
