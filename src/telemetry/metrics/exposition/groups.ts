/** The cells of one series on one traffic thread. */
export interface CellRange {
  cells: Float64Array;
  at: number;
  width: number;
}

export type Labels = Record<string, string>;

/** The series that are shown as one. */
export interface Group {
  labels: Labels;
  /** `labels` as they stand in a sample: name="value" after name="value" */
  readonly text: string;
  ranges: Set<CellRange>;
  /** What withdrawn series had counted while others of the group live on: counters must not go back. */
  base: Float64Array | undefined;
}

/** Series added up by the labels they are shown with, over families and over threads. */
export class Groups implements Iterable<Group> {
  readonly #cumulative: boolean;
  readonly #groups = new Map<string, Group>();

  constructor(cumulative: boolean) {
    this.#cumulative = cumulative;
  }

  [Symbol.iterator](): Iterator<Group> {
    return this.#groups.values();
  }

  find(labels: Labels): Group | undefined {
    return this.#groups.get(key(labels));
  }

  add(range: CellRange, labels: Labels): void {
    const id = key(labels);
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = { labels, text: written(labels), ranges: new Set(), base: undefined };
      this.#groups.set(id, group);
    }
    group.ranges.add(range);
  }

  /** `last`: the values the series was withdrawn with. */
  remove(range: CellRange, labels: Labels, last: readonly number[]): void {
    const id = key(labels);
    const group = this.#groups.get(id);
    if (group === undefined || !group.ranges.delete(range)) return;
    if (group.ranges.size === 0) {
      this.#groups.delete(id);
      return;
    }
    if (!this.#cumulative) return;
    group.base ??= new Float64Array(range.width);
    for (let i = 0; i < range.width; i++) group.base[i] += last[i];
  }
}

/** The sum of a group's single cells. */
export function total(group: Group): number {
  let sum = group.base?.[0] ?? 0;
  for (const { cells, at } of group.ranges) sum += cells[at];
  return sum;
}

/** Adds a group's cells up, cell by cell, into `sums` (as wide as one series). */
export function sumInto(sums: Float64Array, group: Group): void {
  if (group.base === undefined) sums.fill(0);
  else sums.set(group.base);
  for (const { cells, at, width } of group.ranges) {
    for (let i = 0; i < width; i++) sums[i] += cells[at + i];
  }
}

/** The greatest of a group's single cells. */
export function greatest(group: Group): number {
  let value = Number.NEGATIVE_INFINITY;
  for (const { cells, at } of group.ranges) value = Math.max(value, cells[at]);
  return value;
}

/** What was told last, of cells that hold when they were told, negative for "no". */
export function latest(group: Group): boolean {
  let told = 0;
  for (const { cells, at } of group.ranges) if (Math.abs(cells[at]) > Math.abs(told)) told = cells[at];
  return told > 0;
}

function written(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\\n"]/g, (each) => (each === '\n' ? '\\n' : `\\${each}`))}"`)
    .join(',');
}

/** Groups of one table always have the same labels in the same order, but for absent ones. */
function key(labels: Labels): string {
  return JSON.stringify(labels);
}
