/** Delivery tags as ranges of tags in a row: what costs memory is their gaps, not their number. */
export class TagRanges {
  readonly #most: number;
  // in order, and none touches the next
  readonly #firsts: number[] = [];
  readonly #lasts: number[] = [];

  /** `most`: ranges to keep; beyond, the tags between the oldest two are taken to be in the set as well. */
  constructor(most: number) {
    this.#most = most;
  }

  get isEmpty(): boolean {
    return this.#firsts.length === 0;
  }

  /** The last tag of the range that `tag` is in; -1: it is in none. */
  lastFrom(tag: number): number {
    const i = this.#seek(tag);
    return i < this.#firsts.length && this.#firsts[i] <= tag ? this.#lasts[i] : -1;
  }

  includes(tag: number): boolean {
    return this.lastFrom(tag) >= 0;
  }

  /** The first tag of the set from `tag` on; Infinity: there is none. */
  firstFrom(tag: number): number {
    const i = this.#seek(tag);
    return i < this.#firsts.length ? Math.max(tag, this.#firsts[i]) : Number.POSITIVE_INFINITY;
  }

  add(first: number, last: number): void {
    const from = this.#seek(first - 1);
    let to = from;
    let [a, b] = [first, last];
    for (; to < this.#firsts.length && this.#firsts[to] <= last + 1; to++) {
      a = Math.min(a, this.#firsts[to]);
      b = Math.max(b, this.#lasts[to]);
    }
    this.#replace(from, to, [[a, b]]);
    if (this.#firsts.length > this.#most) this.#replace(0, 2, [[this.#firsts[0], this.#lasts[1]]]);
  }

  delete(first: number, last: number): void {
    const from = this.#seek(first);
    const left: [number, number][] = [];
    let to = from;
    for (; to < this.#firsts.length && this.#firsts[to] <= last; to++) {
      if (this.#firsts[to] < first) left.push([this.#firsts[to], first - 1]);
      if (this.#lasts[to] > last) left.push([last + 1, this.#lasts[to]]);
    }
    if (to > from) this.#replace(from, to, left);
  }

  clear(): void {
    this.#firsts.length = this.#lasts.length = 0;
  }

  #replace(from: number, to: number, ranges: [number, number][]): void {
    this.#firsts.splice(from, to - from, ...ranges.map(([first]) => first));
    this.#lasts.splice(from, to - from, ...ranges.map(([, last]) => last));
  }

  /** The first range that does not end in front of `tag`. */
  #seek(tag: number): number {
    let low = 0;
    let high = this.#lasts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#lasts[middle] < tag) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
