import type { Groups, Labels, View } from './groups.ts';
import { LastMinute } from './last-minute.ts';

/** What had outcomes or losses in the last 60 seconds. */
interface Recent {
  labels: Labels;
  /** in #ended; -1: none */
  ended: number;
  /** in #lost; -1: none */
  lost: number;
}

/**
 * Lost over outcomes of the last 60 s, from what the counters gained between snapshots. Both groups
 * must have the same labels.
 */
export class LossRate {
  readonly #outcomes: Groups;
  readonly #losses: Groups;
  /** by the labels' text */
  readonly #recent = new Map<string, Recent>();
  readonly #ended = new LastMinute();
  readonly #lost = new LastMinute();

  constructor(outcomes: Groups, losses: Groups) {
    this.#outcomes = outcomes;
    this.#losses = losses;
  }

  /** Call once a second and before reading, with a steady clock. */
  snapshot(nowMs: number, view: View): void {
    this.#ended.advance(nowMs);
    this.#lost.advance(nowMs);
    this.#forget();
    this.#gather(this.#outcomes, view, 'ended', this.#ended);
    this.#gather(this.#losses, view, 'lost', this.#lost);
  }

  /** 0.0–1.0 for each that had outcomes; a late return may be a loss of an outcome that has left the window. */
  *rates(): Iterable<{ labels: Labels; value: number }> {
    for (const { labels, ended, lost } of this.recent()) {
      if (ended > 0) yield { labels, value: Math.min(1, lost / ended) };
    }
  }

  /** Outcomes and losses of each that had any. */
  *recent(): Iterable<{ labels: Labels; ended: number; lost: number }> {
    for (const { labels, ended, lost } of this.#recent.values()) {
      yield { labels, ended: sum(this.#ended, ended), lost: sum(this.#lost, lost) };
    }
  }

  #forget(): void {
    for (const [text, { ended, lost }] of this.#recent) {
      if (sum(this.#ended, ended) > 0 || sum(this.#lost, lost) > 0) continue;
      if (ended >= 0) this.#ended.delete(ended);
      if (lost >= 0) this.#lost.delete(lost);
      this.#recent.delete(text);
    }
  }

  #gather(groups: Groups, view: View, what: 'ended' | 'lost', minute: LastMinute): void {
    for (const group of groups) {
      const gained = group.gained(view);
      if (gained === 0) continue;
      let recent = this.#recent.get(group.text);
      if (recent === undefined) {
        recent = { labels: group.labels, ended: -1, lost: -1 };
        this.#recent.set(group.text, recent);
      }
      if (recent[what] < 0) recent[what] = minute.add();
      minute.note(recent[what], gained);
    }
  }
}

const sum = (minute: LastMinute, row: number): number => (row < 0 ? 0 : minute.sum(row));
