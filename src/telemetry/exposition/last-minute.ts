import { grown } from '../../amqp/bytes.ts';

export const SECONDS = 60;
const INITIAL = 64;

/**
 * What each of many series gained in the last 60 seconds, second by second. One column a second for all
 * of them: an array of its own for each series took a third of what the main thread holds of a topic.
 */
export class LastMinute {
  /** by second modulo their number, then by row */
  readonly #gained = Array.from({ length: SECONDS }, () => new Uint32Array(INITIAL));
  #sums = new Float64Array(INITIAL);
  #rows = 0;
  readonly #free: number[] = [];
  #second = Number.NEGATIVE_INFINITY;

  /** A row of zeros. */
  add(): number {
    const row = this.#free.pop() ?? this.#rows++;
    if (row < this.#sums.length) return row;
    const rows = 2 * row;
    for (let i = 0; i < SECONDS; i++) this.#gained[i] = grown(this.#gained[i], rows);
    this.#sums = grown(this.#sums, rows);
    return row;
  }

  /** The row may be another's from now on. */
  delete(row: number): void {
    for (const column of this.#gained) column[row] = 0;
    this.#sums[row] = 0;
    this.#free.push(row);
  }

  /** Time passes: what is older than a minute goes. A steady clock in milliseconds. */
  advance(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    for (let stale = Math.min(SECONDS, second - this.#second) - 1; stale >= 0; stale--) {
      const column = this.#gained[(second - stale + SECONDS) % SECONDS];
      for (let row = 0; row < this.#rows; row++) this.#sums[row] -= column[row];
      column.fill(0);
    }
    this.#second = Math.max(this.#second, second);
  }

  /** Counts at the time last advanced to. */
  note(row: number, gained: number): void {
    this.#gained[this.#second % SECONDS][row] += gained;
    this.#sums[row] += gained;
  }

  sum(row: number): number {
    return this.#sums[row];
  }
}
