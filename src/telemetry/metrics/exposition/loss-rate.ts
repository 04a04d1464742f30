import { type Group, type Groups, type Labels, total } from './groups.ts';

const WINDOW = 60;

/** What ended in each of the last 60 seconds, by second modulo 60. */
interface Slots {
  labels: Labels;
  outcomes: Float64Array;
  lost: Float64Array;
}

/**
 * Lost over outcomes of the last 60 s, from what the counters gained between snapshots. Both groups
 * must have the same labels.
 */
export class LossRate {
  readonly #outcomes: Groups;
  readonly #lost: Groups;
  readonly #slots = new Map<string, Slots>();
  readonly #seen = new WeakMap<Group, number>();
  #second = Number.NEGATIVE_INFINITY;

  constructor(outcomes: Groups, lost: Groups) {
    this.#outcomes = outcomes;
    this.#lost = lost;
  }

  /** Call once a second and before reading, with a steady clock. */
  snapshot(nowMs: number): void {
    this.#advance(Math.floor(nowMs / 1000));
    this.#gather(this.#outcomes, 'outcomes');
    this.#gather(this.#lost, 'lost');
  }

  /** 0.0–1.0 for each that had outcomes; a late return may be a loss of an outcome that has left the window. */
  *rates(): Iterable<{ labels: Labels; value: number }> {
    for (const { labels, outcomes, lost } of this.#slots.values()) {
      const ended = sum(outcomes);
      if (ended > 0) yield { labels, value: Math.min(1, sum(lost) / ended) };
    }
  }

  #advance(second: number): void {
    if (second <= this.#second) return;
    const stale = Math.min(WINDOW, second - this.#second);
    for (const [id, slots] of this.#slots) {
      for (let i = 0; i < stale; i++) {
        slots.outcomes[(second - i) % WINDOW] = 0;
        slots.lost[(second - i) % WINDOW] = 0;
      }
      if (sum(slots.outcomes) === 0 && sum(slots.lost) === 0) this.#slots.delete(id);
    }
    this.#second = second;
  }

  #gather(groups: Groups, what: 'outcomes' | 'lost'): void {
    for (const group of groups) {
      const now = total(group);
      const gained = now - (this.#seen.get(group) ?? 0);
      if (gained === 0) continue;
      this.#seen.set(group, now);
      this.#slotsOf(group.labels)[what][this.#second % WINDOW] += gained;
    }
  }

  #slotsOf(labels: Labels): Slots {
    const id = JSON.stringify(labels);
    let slots = this.#slots.get(id);
    if (slots === undefined) {
      slots = { labels, outcomes: new Float64Array(WINDOW), lost: new Float64Array(WINDOW) };
      this.#slots.set(id, slots);
    }
    return slots;
  }
}

function sum(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
