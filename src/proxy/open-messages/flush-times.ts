import { NO_FLOATS } from '../../amqp/bytes.ts';

const INITIAL = 16;

/**
 * When the kernel took the publishes of one channel that end with that: kept once for all that one
 * flush of the socket took, up to a sequence, for as long as one of them may be open.
 */
export class FlushTimes {
  // by flush, in a ring
  /** the last sequence it took */
  #lasts = NO_FLOATS;
  /** ms of the monotonic clock */
  #times = NO_FLOATS;
  #head = 0;
  #tail = 0;
  /** the last publish that was written to the socket, in order */
  #written = 0;
  /** of those, the last one that the kernel took */
  #taken = 0;
  /** told that more was written, and not yet that it was flushed */
  #isPending = false;
  /** publishes that others overtake: when the kernel took them, NaN as long as it has not */
  readonly #overtaken = new Map<number, number>();
  /** those of them that were written since the last flush */
  #overtakenWritten: number[] = [];
  /** the flush found last: most are looked up in order */
  #cursor = 0;

  /** `sequence` will be written after later ones. */
  overtaken(sequence: number): void {
    this.#overtaken.set(sequence, Number.NaN);
  }

  /**
   * The publishes up to `sequence`, or just an overtaken one, are written to the socket. True if
   * `flushed` has to be called when it holds them no more, which is not arranged yet.
   */
  written(sequence: number): boolean {
    if (this.#overtaken.has(sequence)) this.#overtakenWritten.push(sequence);
    // what came before an overtaken one, and is not overtaken itself, was written before it
    if (sequence > this.#written) this.#written = sequence;
    if (this.#isPending) return false;
    this.#isPending = true;
    return true;
  }

  /** The kernel took all that was written. */
  flushed(now: number): void {
    this.#isPending = false;
    for (const sequence of this.#overtakenWritten.splice(0)) this.#overtaken.set(sequence, now);
    if (this.#written === this.#taken) return;
    this.#taken = this.#written;
    if (this.#tail - this.#head === this.#lasts.length) this.#grow();
    const at = this.#tail++ & (this.#lasts.length - 1);
    this.#lasts[at] = this.#written;
    this.#times[at] = now;
  }

  /** When the kernel took this publish; `now` if it has not yet, or if it ends with an answer. */
  of(sequence: number, now: number): number {
    const time = this.#overtaken.size > 0 ? this.#overtaken.get(sequence) : undefined;
    if (time !== undefined) return Number.isNaN(time) ? now : time;
    const at = this.#find(sequence);
    return at === this.#tail ? now : this.#times[at & (this.#lasts.length - 1)];
  }

  /** The last sequence that the kernel took at `time` or before, with all before it; 0: there is none. */
  lastAt(time: number): number {
    let last = 0;
    for (let i = this.#head; i < this.#tail; i++) {
      const at = i & (this.#lasts.length - 1);
      if (this.#times[at] > time) break;
      last = this.#lasts[at];
    }
    // in the order in which they came
    for (const [sequence, taken] of this.#overtaken) if (sequence <= last && !(taken <= time)) return sequence - 1;
    return last;
  }

  /** No publish up to `last` is open any more. */
  forget(last: number): void {
    while (this.#head < this.#tail && this.#lasts[this.#head & (this.#lasts.length - 1)] <= last) this.#head++;
    if (this.#overtaken.size === 0) return;
    for (const [sequence, taken] of this.#overtaken) {
      if (sequence <= last && !Number.isNaN(taken)) this.#overtaken.delete(sequence);
    }
  }

  /** The first flush that took `sequence`; the tail if none did yet. */
  #find(sequence: number): number {
    const mask = this.#lasts.length - 1;
    let from = this.#head;
    let to = this.#tail;
    const cursor = this.#cursor;
    if (cursor >= from && cursor < to) {
      if (this.#lasts[cursor & mask] < sequence) from = cursor + 1;
      else if (cursor === from || this.#lasts[(cursor - 1) & mask] < sequence) return cursor;
      else to = cursor;
    }
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#lasts[middle & mask] < sequence) from = middle + 1;
      else to = middle;
    }
    this.#cursor = from;
    return from;
  }

  /** Unrolls the ring into one of twice the length. */
  #grow(): void {
    const before = this.#lasts.length;
    const length = Math.max(INITIAL, before * 2);
    const start = this.#head & (before - 1);
    const unrolled = (from: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> => {
      const to = new Float64Array(length);
      to.set(from.subarray(start));
      to.set(from.subarray(0, start), before - start);
      return to;
    };
    this.#lasts = unrolled(this.#lasts);
    this.#times = unrolled(this.#times);
    this.#cursor = Math.max(0, this.#cursor - this.#head);
    this.#tail -= this.#head;
    this.#head = 0;
  }
}
