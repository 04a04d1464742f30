/** The labels whose number of values is limited. */
export type LimitedLabel = 'topic' | 'pipeline' | 'queue' | 'edge' | 'routing_key';

/** Where the values of a label go that are beyond its limit. */
export const OVERFLOW = '__overflow__';

/** The values one label has at present: at most `max` (0: no limit), each as long as someone retains it. */
export class LabelValues {
  readonly #max: number;
  readonly #holders = new Map<string, number>();

  constructor(max: number) {
    this.#max = max === 0 ? Number.POSITIVE_INFINITY : max;
  }

  /** The value itself if it is known or there is room for it, else OVERFLOW. `more`: times the limit for this one. */
  admit(value: string, more = 1): string {
    return this.#holders.size < this.#max * more || this.#holders.has(value) ? value : OVERFLOW;
  }

  has(value: string): boolean {
    return this.#holders.has(value);
  }

  retain(value: string): void {
    if (value !== OVERFLOW) this.#holders.set(value, (this.#holders.get(value) ?? 0) + 1);
  }

  release(value: string): void {
    const holders = this.#holders.get(value);
    if (holders === undefined) return;
    if (holders > 1) this.#holders.set(value, holders - 1);
    else this.#holders.delete(value);
  }
}
