import { STEPS } from '../../parts.ts';

/** Rows whose place in a step is noted: reading one row reads so many at most. */
const BLOCK = 64;
const NO_STEP = { step: Number.NEGATIVE_INFINITY, bytes: new Uint8Array(0), blocks: new Uint32Array(0) };

export type Gained = (row: number, column: number, count: number) => void;

interface Step {
  step: number;
  /** by row that gained anything: its distance from the row before in its block, how many columns, then column and count of each */
  bytes: Uint8Array;
  /** where each block of rows begins */
  blocks: Uint32Array;
}

/**
 * What many rows gained in each of the last STEPS steps, in columns of small numbers. Only what was gained takes room, two
 * or three bytes a column and step: most rows gain little or nothing in most steps.
 */
export class GainHistory {
  readonly #columns: number;
  readonly #steps: Step[] = new Array(STEPS).fill(NO_STEP);
  #scratch = new Uint8Array(1 << 12);
  #at = 0;

  constructor(columns: number) {
    this.#columns = columns;
  }

  /** Bytes that it takes. */
  get bytes(): number {
    return this.#steps.reduce((sum, { bytes, blocks }) => sum + bytes.length + blocks.byteLength, this.#scratch.length);
  }

  clear(): void {
    this.#steps.fill(NO_STEP);
  }

  /** Keeps a step: what the counts of `rows` rows gained from `before` to `now`. */
  add(step: number, rows: number, before: Float64Array, now: Float64Array): void {
    const blocks = new Uint32Array(Math.ceil(rows / BLOCK));
    this.#at = 0;
    let last = 0;
    for (let row = 0; row < rows; row++) {
      if (row % BLOCK === 0) {
        blocks[row / BLOCK] = this.#at;
        last = row;
      }
      const gaining = this.#count(row, before, now);
      if (gaining === 0) continue;
      this.#room(2 * 5 + gaining * 6);
      this.#write(row - last);
      this.#write(gaining);
      last = row;
      for (let column = 0, i = row * this.#columns; column < this.#columns; column++, i++) {
        const gain = gained(before[i], now[i]);
        if (gain === 0) continue;
        this.#scratch[this.#at++] = column;
        this.#write(gain);
      }
    }
    this.#steps[step % STEPS] = { step, bytes: this.#scratch.slice(0, this.#at), blocks };
  }

  /** Calls `each` for what was gained in a step, by all rows or by these, which are sorted. */
  read(step: number, rows: readonly number[] | undefined, each: Gained): void {
    const kept = this.#steps[step % STEPS];
    if (kept.step !== step) return;
    if (rows === undefined)
      for (let block = 0; block < kept.blocks.length; block++) this.#readBlock(kept, block, undefined, each);
    else
      for (let i = 0; i < rows.length; ) {
        const block = Math.floor(rows[i] / BLOCK);
        const wanted = new Set<number>();
        for (; i < rows.length && Math.floor(rows[i] / BLOCK) === block; i++) wanted.add(rows[i]);
        if (block < kept.blocks.length) this.#readBlock(kept, block, wanted, each);
      }
  }

  #readBlock({ bytes, blocks }: Step, block: number, wanted: ReadonlySet<number> | undefined, each: Gained): void {
    const end = block + 1 < blocks.length ? blocks[block + 1] : bytes.length;
    let at = blocks[block];
    let row = block * BLOCK;
    const number = (): number => {
      let value = 0;
      for (let scale = 1; ; scale *= 128) {
        const byte = bytes[at++];
        value += (byte & 127) * scale;
        if (byte < 128) return value;
      }
    };
    while (at < end) {
      row += number();
      const isWanted = wanted === undefined || wanted.has(row);
      for (let left = number(); left > 0; left--) {
        const column = bytes[at++];
        const count = number();
        if (isWanted) each(row, column, count);
      }
    }
  }

  #count(row: number, before: Float64Array, now: Float64Array): number {
    let gaining = 0;
    for (let i = row * this.#columns, end = i + this.#columns; i < end; i++)
      if (gained(before[i], now[i]) > 0) gaining++;
    return gaining;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#scratch.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#scratch.length, this.#at + bytes));
    larger.set(this.#scratch);
    this.#scratch = larger;
  }

  /** Seven bits a byte, the lowest first. */
  #write(value: number): void {
    let left = value;
    for (; left >= 128; left = Math.floor(left / 128)) this.#scratch[this.#at++] = (left % 128) | 128;
    this.#scratch[this.#at++] = left;
  }
}

/** Counts go back only where a series went and came again: then they begin anew. */
export function gained(before: number, now: number): number {
  return now >= before ? now - before : now;
}
