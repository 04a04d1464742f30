import { type BucketLayout, CHUNK } from './bucket-layout.ts';
import {
  FAMILY_LABELS,
  type FamilyBounds,
  type FamilyLayouts,
  type FamilyName,
  familyLayouts,
  familyWidth,
} from './families.ts';

const FAMILIES = Object.keys(FAMILY_LABELS) as FamilyName[];

/** What a traffic thread tells the reader of its cells; the order of messages is the order of events. */
export type CellMessage =
  | { type: 'cells'; buffer: SharedArrayBuffer }
  /** `labels` in the order of FAMILY_LABELS */
  | { type: 'define'; cell: number; family: FamilyName; labels: readonly string[] }
  /** `values` (valuesOf) are the last ones, for readers whose other threads still count the same series */
  | { type: 'withdraw'; cell: number; values: Float64Array };

/** No cell: a series that is not allocated. In a thread's cells, how many of them are in use. */
export const NONE = 0;

/** 32 MiB of address space a thread; pages are committed as series touch them. */
const CAPACITY = 4 << 20;

/** Where counts go when there is no room for their series, never defined. */
const SPILL = 1;
/** Those of histograms: room for the widest one, which gets no chunks. */
const WIDE_SPILL = 2;

/** A series has no family: it was freed, or none begins there. */
const NO_FAMILY = 0;

/**
 * The counts of one traffic thread: Float64 cells on a SharedArrayBuffer, written by this thread
 * alone and without atomics, read by the main thread at any time (aligned 64-bit loads don't tear
 * on the platforms Node supports).
 *
 * The buffer has its full size from the start: indexing a growable one costs eight times as much,
 * and untouched zero pages cost nothing.
 */
export class CellStore {
  readonly cells: Float64Array;
  readonly layouts: FamilyLayouts;
  readonly #port: { postMessage(message: CellMessage): void };
  /** number of the family of the series that begins at each cell; here too memory is used only where it is touched */
  readonly #families: Uint8Array;
  /** by width, of series and of chunks */
  readonly #free = new Map<number, number[]>();
  #freed: number[] = [];
  /** where counts of a histogram go for whose chunk there is no room */
  readonly #spillChunk: number;
  readonly #dropped: number;

  constructor(bounds: FamilyBounds, port: { postMessage(message: CellMessage): void }, capacity = CAPACITY) {
    const buffer = new SharedArrayBuffer(capacity * Float64Array.BYTES_PER_ELEMENT);
    this.cells = new Float64Array(buffer);
    this.#families = new Uint8Array(capacity);
    this.layouts = familyLayouts(bounds);
    this.#port = port;
    this.#spillChunk = WIDE_SPILL + Math.max(...FAMILIES.map((family) => familyWidth(this.layouts, family)));
    this.cells[NONE] = this.#spillChunk + CHUNK;
    port.postMessage({ type: 'cells', buffer });
    this.#dropped = this.allocate('series_dropped', []);
  }

  /** The first cell of a new series, all zero; defined towards the reader before anyone counts on it. */
  allocate(family: FamilyName, labels: readonly string[]): number {
    const width = familyWidth(this.layouts, family);
    const cell = this.#room(width);
    if (cell === NONE) {
      this.cells[this.#dropped] += 1;
      return width === 1 ? SPILL : WIDE_SPILL;
    }
    this.#families[cell] = FAMILIES.indexOf(family) + 1;
    this.#port.postMessage({ type: 'define', cell, family, labels });
    return cell;
  }

  /** Counts `count` observations of the same value in the histogram whose cells start at `at`. */
  observe(at: number, layout: BucketLayout, value: number, count: number): void {
    const { cells } = this;
    const bucket = layout.find(value);
    const slot = at + layout.slotOf(bucket);
    const chunk = cells[slot] || this.#grow(slot);
    cells[chunk + (bucket & (CHUNK - 1))] += count;
    cells[layout.sumAt(at)] += value * count;
  }

  /** Withdraws a series. Its cells are reused after the next call of `recycle`, not before. */
  free(cell: number): void {
    const number = this.#families[cell];
    if (number === NO_FAMILY) return;
    this.#families[cell] = NO_FAMILY;
    const layout = this.layouts[FAMILIES[number - 1]];
    this.#port.postMessage({ type: 'withdraw', cell, values: valuesOf(this.cells, cell, layout) });
    this.#freed.push(cell, layout?.width ?? 1);
    for (const chunk of this.#chunks(cell, layout)) this.#freed.push(chunk, CHUNK);
  }

  /**
   * Makes the cells freed before available. Called a sweep later than `free`: a scrape that is under
   * way still reads them under their old name.
   */
  recycle(): void {
    for (let i = 0; i < this.#freed.length; i += 2) {
      const [cell, width] = [this.#freed[i], this.#freed[i + 1]];
      const free = this.#free.get(width);
      if (free === undefined) this.#free.set(width, [cell]);
      else free.push(cell);
    }
    this.#freed = [];
  }

  /** Sum of all counts of a series: changes whenever something was counted. */
  activity(cell: number): number {
    const layout = this.layouts[FAMILIES[this.#families[cell] - 1]];
    if (layout === undefined) return this.cells[cell];
    let sum = 0;
    layout.read(this.cells, cell, (_, count) => {
      sum += count;
    });
    return sum;
  }

  /** Room for the counts that a cell is to point to. */
  #grow(slot: number): number {
    if (slot < this.#spillChunk) return this.#spillChunk;
    const chunk = this.#room(CHUNK);
    if (chunk === NONE) {
      this.cells[this.#dropped] += 1;
      return this.#spillChunk;
    }
    this.cells[slot] = chunk;
    return chunk;
  }

  *#chunks(cell: number, layout: BucketLayout | undefined): Iterable<number> {
    for (let slot = 0; slot < (layout?.width ?? 1) - 1; slot++) {
      if (this.cells[cell + slot] !== 0) yield this.cells[cell + slot];
    }
  }

  /** So many cells of zeros; NONE: there is no room. */
  #room(width: number): number {
    const cell = this.#free.get(width)?.pop() ?? this.#extend(width);
    if (cell !== NONE) this.cells.fill(0, cell, cell + width);
    return cell;
  }

  #extend(width: number): number {
    const next = this.cells[NONE];
    if (next + width > this.cells.length) return NONE;
    this.cells[NONE] = next + width;
    return next;
  }
}

/** All that a series has counted: its only cell, or the counts of all buckets and the sum. */
export function valuesOf(cells: Float64Array, at: number, layout: BucketLayout | undefined): Float64Array {
  if (layout === undefined) return cells.slice(at, at + 1);
  const values = new Float64Array(layout.length + 1);
  layout.read(cells, at, (bucket, count) => {
    values[bucket] = count;
  });
  values[layout.length] = cells[layout.sumAt(at)];
  return values;
}
