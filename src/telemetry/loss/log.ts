import type { Loss } from './loss.ts';

/** Every key given must match. */
export interface LossFilter {
  topic?: string;
  reason?: string;
  side?: Loss['side'];
  /** milliseconds since the epoch, both inclusive */
  since?: number;
  until?: number;
  /** at most so many, the newest */
  limit: number;
}

export interface FoundLosses {
  /** newest first */
  losses: Loss[];
  /** in the log and matching the filter, beyond its limit too */
  matching: number;
  /** logged since the start */
  total: number;
  /** of these, pushed out by newer ones */
  dropped: number;
}

/** The newest losses, at most `capacity`. */
export class LossLog {
  readonly #capacity: number;
  readonly #losses: { at: number; loss: Loss }[] = [];
  #total = 0;

  constructor(capacity = 1000) {
    this.#capacity = capacity;
  }

  add(loss: Loss): void {
    this.#losses[this.#total++ % this.#capacity] = { at: Date.parse(loss.time), loss };
  }

  find({ topic, reason, side, since, until, limit }: LossFilter): FoundLosses {
    const found = this.#newestFirst().filter(
      ({ at, loss }) =>
        (topic === undefined || loss.topic === topic) &&
        (reason === undefined || loss.reason === reason) &&
        (side === undefined || loss.side === side) &&
        (since === undefined || at >= since) &&
        (until === undefined || at <= until),
    );
    return {
      losses: found.slice(0, limit).map(({ loss }) => loss),
      matching: found.length,
      total: this.#total,
      dropped: this.#total - this.#losses.length,
    };
  }

  /** By time: several traffic threads tell theirs in batches. Of one time, the one told last comes first. */
  #newestFirst(): { at: number; loss: Loss }[] {
    const next = this.#total % this.#capacity;
    const told = [...this.#losses.slice(next), ...this.#losses.slice(0, next)];
    return told.reverse().sort((a, b) => b.at - a.at);
  }
}
