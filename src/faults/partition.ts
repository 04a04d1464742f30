import type { FaultSpec } from './spec.ts';

/** The broker is out of reach: dials are refused, connections that exist are kept, stalled (maybe one way) or cut. */
export class Partition {
  readonly existing: 'keep' | 'stall' | 'cut';
  /** what does not pass on stalled connections: from apps to the broker, from it to them, or neither */
  readonly direction: 'upstream' | 'downstream' | 'both';
  /** probability per dial, and per connection that exists when it begins */
  readonly toxicity: number;
  readonly #from: number;
  readonly #until: number;
  readonly #every: number;
  readonly #lasting: number;

  /** Times in ms of the clock whose readings `isActive` is given. */
  constructor({ toxicity, attributes = {} }: FaultSpec, from: number, until: number) {
    const { direction = 'both', existing = direction === 'both' ? 'keep' : 'stall' } = attributes;
    const { every = Number.POSITIVE_INFINITY, lasting = every } = attributes;
    this.existing = existing;
    this.direction = direction;
    this.toxicity = toxicity;
    this.#from = from;
    this.#until = until;
    this.#every = every;
    this.#lasting = lasting;
  }

  /** With `every`, each stretch of that length ends with a partition of `lasting`. */
  isActive(now: number): boolean {
    if (now < this.#from || now >= this.#until) return false;
    if (this.#every === Number.POSITIVE_INFINITY) return true;
    return (now - this.#from) % this.#every >= this.#every - this.#lasting;
  }

  refuses(now: number): boolean {
    return this.isActive(now) && (this.toxicity >= 1 || Math.random() < this.toxicity);
  }
}
