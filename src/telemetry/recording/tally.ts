import type { BucketLayout } from '../metrics/bucket-layout.ts';
import { type CellStore, NONE } from '../metrics/cells.ts';
import type { FamilyName } from '../metrics/families.ts';
import type { LimitedLabel } from '../metrics/label-values.ts';

/** What combinations of label values are of: their number is limited like that of values, for it would be a product. */
export type Combined = 'messages' | 'edges' | 'dead letters' | 'watermarks';

/** What a tally needs of the recorder that made it. */
export interface TallyOwner {
  readonly store: CellStore;
  /** The value, or OVERFLOW when the label has no place left for it. */
  admit(label: LimitedLabel, value: string): string;
  retain(label: LimitedLabel, value: string): void;
  release(label: LimitedLabel, value: string): void;
  /**
   * Those values, each of them admitted, as they can be counted together: the last or all of them OVERFLOW when there
   * is no place left for their combination.
   */
  together(kind: Combined, values: readonly string[]): readonly string[];
  retainTogether(kind: Combined, values: readonly string[]): void;
  releaseTogether(kind: Combined, values: readonly string[]): void;
  /** A tally counts again after it was freed. */
  revive(tally: Tally): void;
}

/**
 * Series of one set of names, allocated as they are first counted. An idle tally is freed: its cells
 * and its places among the label values go, and all its offsets are NONE again, so that whoever
 * still holds it just allocates anew with the next count.
 *
 * A subclass keeps one offset a series, and counts with `cells[this.#x || this.#openX()] += 1`.
 */
export abstract class Tally {
  protected readonly cells: Float64Array;
  protected readonly owner: TallyOwner;
  readonly #store: CellStore;
  readonly #kind: Combined;
  readonly #labels: readonly LimitedLabel[];
  readonly #wanted: readonly string[];
  /** #wanted at present: the names themselves or OVERFLOW */
  #names: readonly string[] = [];
  #live = false;
  #claimed: number[] = [];
  /** most tallies never count any */
  #keyed: Map<FamilyName, Map<string, number>> | undefined;
  /** places it holds besides those of its names */
  #held: [LimitedLabel, string][] | undefined;
  #combined: [Combined, readonly string[]][] | undefined;
  #counted = Number.NaN;
  #changedAt = 0;

  /** `names`: values of `labels`. */
  constructor(owner: TallyOwner, kind: Combined, labels: readonly LimitedLabel[], names: readonly string[]) {
    this.owner = owner;
    this.#store = owner.store;
    this.cells = owner.store.cells;
    this.#kind = kind;
    this.#labels = labels;
    this.#wanted = names;
    this.#enlist();
  }

  /** Values of the labels the tally was made for, in that order. */
  protected get names(): readonly string[] {
    if (!this.#live) this.#revive();
    return this.#names;
  }

  /** Allocates a series. Off the hot path: called once until the tally is freed. */
  protected claim(family: FamilyName, labels: readonly string[]): number {
    const cell = this.owner.store.allocate(family, labels);
    this.#claimed.push(cell);
    return cell;
  }

  /** The series of a family that was claimed under `key`; NONE: it was not yet. For the rarer counts. */
  protected found(family: FamilyName, key: string): number {
    return this.#keyed?.get(family)?.get(key) ?? NONE;
  }

  /** Claims a series that is `found` from now on. */
  protected keyed(family: FamilyName, key: string, labels: readonly string[]): number {
    const cell = this.claim(family, labels);
    this.#keyed ??= new Map();
    const cells = this.#keyed.get(family) ?? new Map<string, number>();
    this.#keyed.set(family, cells.set(key, cell));
    return cell;
  }

  /** So many observations of one value in the histogram that was claimed at `at`. */
  protected observe(at: number, layout: BucketLayout, seconds: number, count: number): void {
    this.#store.observe(at, layout, seconds, count);
  }

  /** Takes a place for one more label value, until the tally is freed. */
  protected hold(label: LimitedLabel, value: string): void {
    this.owner.retain(label, value);
    this.#held ??= [];
    this.#held.push([label, value]);
  }

  /** As `hold`, for one more combination of values. */
  protected holdTogether(kind: Combined, values: readonly string[]): readonly string[] {
    const names = this.owner.together(kind, values);
    this.owner.retainTogether(kind, names);
    this.#combined ??= [];
    this.#combined.push([kind, names]);
    return names;
  }

  /** Set all offsets to NONE. */
  protected abstract forget(): void;

  /** What is still open and must keep its series; counted as no activity. */
  protected open(): number {
    return NONE;
  }

  /** Whether nothing was counted for `idleAfter` and nothing is open. Call once a sweep. */
  idle(nowMs: number, idleAfter: number): boolean {
    const open = this.open();
    let counted = -open;
    for (const cell of this.#claimed) counted += this.owner.store.activity(cell);
    if (counted !== this.#counted) {
      this.#counted = counted;
      this.#changedAt = nowMs;
      return false;
    }
    return open === 0 && nowMs - this.#changedAt >= idleAfter;
  }

  free(): void {
    this.forget();
    for (const cell of this.#claimed) this.owner.store.free(cell);
    for (const [label, value] of this.#held ?? []) this.owner.release(label, value);
    for (const [i, name] of this.#names.entries()) this.owner.release(this.#labels[i], name);
    this.owner.releaseTogether(this.#kind, this.#names);
    for (const [kind, values] of this.#combined ?? []) this.owner.releaseTogether(kind, values);
    this.#claimed = [];
    this.#keyed = undefined;
    this.#held = undefined;
    this.#combined = undefined;
    this.#names = [];
    this.#counted = Number.NaN;
    this.#live = false;
  }

  #enlist(): void {
    this.#live = true;
    const admitted = this.#wanted.map((name, i) => this.owner.admit(this.#labels[i], name));
    const names = this.owner.together(this.#kind, admitted);
    // mostly they are, and then one array does for both
    this.#names = names.every((name, i) => name === this.#wanted[i]) ? this.#wanted : names;
    for (const [i, name] of names.entries()) this.owner.retain(this.#labels[i], name);
    this.owner.retainTogether(this.#kind, names);
  }

  #revive(): void {
    this.#enlist();
    this.owner.revive(this);
  }
}
