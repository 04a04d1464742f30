import { FAMILY_LABELS, type FamilyBounds, type FamilyName, familyWidth } from './families.ts';

/** What a traffic thread tells the reader of its cells; the order of messages is the order of events. */
export type CellMessage =
  | { type: 'cells'; buffer: SharedArrayBuffer }
  /** `labels` in the order of FAMILY_LABELS */
  | { type: 'define'; cell: number; family: FamilyName; labels: readonly string[] }
  /** `values` are the last ones, for readers whose other threads still count the same series */
  | { type: 'withdraw'; cell: number; values: readonly number[] };

/** No cell: a series that is not allocated. */
export const NONE = 0;

/** 32 MiB of address space a thread; pages are committed as series touch them. */
const CAPACITY = 4 << 20;

/** Room for the widest series, never defined: where counts go when there is no room for a series. */
const SPILL = 1;

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
  readonly bounds: FamilyBounds;
  readonly #port: { postMessage(message: CellMessage): void };
  /** of the series that begins at each cell, 0: none does; here too memory is used only where it is touched */
  readonly #widths: Uint16Array;
  readonly #free = new Map<number, number[]>();
  #freed: number[] = [];
  #next: number;
  readonly #dropped: number;

  constructor(bounds: FamilyBounds, port: { postMessage(message: CellMessage): void }, capacity = CAPACITY) {
    const buffer = new SharedArrayBuffer(capacity * Float64Array.BYTES_PER_ELEMENT);
    this.cells = new Float64Array(buffer);
    this.#widths = new Uint16Array(capacity);
    this.bounds = bounds;
    this.#port = port;
    const families = Object.keys(FAMILY_LABELS) as FamilyName[];
    this.#next = SPILL + Math.max(...families.map((family) => familyWidth(bounds, family)));
    port.postMessage({ type: 'cells', buffer });
    this.#dropped = this.allocate('series_dropped', []);
  }

  /** The first cell of a new series, all zero; defined towards the reader before anyone counts on it. */
  allocate(family: FamilyName, labels: readonly string[]): number {
    const width = familyWidth(this.bounds, family);
    const cell = this.#free.get(width)?.pop() ?? this.#extend(width);
    if (cell === SPILL) {
      this.cells[this.#dropped] += 1;
      return cell;
    }
    this.cells.fill(0, cell, cell + width);
    this.#widths[cell] = width;
    this.#port.postMessage({ type: 'define', cell, family, labels });
    return cell;
  }

  /** Withdraws a series. Its cells are reused after the next call of `recycle`, not before. */
  free(cell: number): void {
    const width = this.#widths[cell];
    if (width === 0) return;
    this.#widths[cell] = 0;
    this.#port.postMessage({ type: 'withdraw', cell, values: [...this.cells.subarray(cell, cell + width)] });
    const free = this.#free.get(width);
    if (free === undefined) this.#free.set(width, []);
    this.#freed.push(cell, width);
  }

  /**
   * Makes the cells freed before available. Called a sweep later than `free`: a scrape that is under
   * way still reads them under their old name.
   */
  recycle(): void {
    for (let i = 0; i < this.#freed.length; i += 2) this.#free.get(this.#freed[i + 1])?.push(this.#freed[i]);
    this.#freed = [];
  }

  /** Sum of all the cells of a series: changes whenever something was counted. */
  activity(cell: number): number {
    const end = cell + this.#widths[cell];
    let sum = 0;
    for (let i = cell; i < end; i++) sum += this.cells[i];
    return sum;
  }

  #extend(width: number): number {
    if (this.#next + width > this.cells.length) return SPILL;
    const cell = this.#next;
    this.#next += width;
    return cell;
  }
}

/**
 * Counts `count` observations of the same value in a histogram whose cells start at `at`: binary
 * search, because under load latencies lie in the middle of the bounds.
 */
export function observe(
  cells: Float64Array,
  at: number,
  bounds: readonly number[],
  seconds: number,
  count: number,
): void {
  const last = bounds.length;
  let bucket = 0;
  let end = last;
  while (bucket < end) {
    const middle = (bucket + end) >>> 1;
    if (seconds > bounds[middle]) bucket = middle + 1;
    else end = middle;
  }
  cells[at + bucket] += count;
  cells[at + last + 1] += seconds * count;
}
