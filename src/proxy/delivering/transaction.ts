import type { Settlement } from './settlement.ts';
import { TagRanges } from './tag-ranges.ts';

interface Uncommitted extends Settlement {
  /** of the channel's settlements, which one it was */
  serial: number;
  /** a tx.rollback followed it */
  undone: boolean;
}

/** Settlements of a transactional channel: made, and committed or rolled back by a reply that comes later. */
export class Transaction {
  #made: Uncommitted[] = [];
  /** serial of the last one that a tx.commit followed */
  #committing = 0;

  get isEmpty(): boolean {
    return this.#made.length === 0;
  }

  /** Settlements in a row that say the same are one. */
  get size(): number {
    return this.#made.length;
  }

  add(settlement: Settlement, serial: number): void {
    const last = this.#made.at(-1);
    if (last !== undefined && !last.undone && last.serial > this.#committing && goesOn(last, settlement)) {
      last.to = Math.max(last.to, settlement.to);
      last.serial = serial;
    } else this.#made.push({ ...settlement, serial, undone: false });
  }

  /** The app sends tx.commit behind that many settlements. */
  commits(serial: number): void {
    this.#committing = serial;
  }

  /** The app sends tx.rollback: what is not under a commit can be settled again behind it. Returns what cannot. */
  rollsBack(): Settlement[] {
    for (const each of this.#made) if (each.serial > this.#committing) each.undone = true;
    return this.#made.filter(({ undone }) => !undone);
  }

  /** The broker answered a tx.commit or tx.rollback sent behind that many settlements: those that count now. */
  end(serial: number): Settlement[] {
    let count = 0;
    while (count < this.#made.length && this.#made[count].serial <= serial) count++;
    return this.#made.splice(0, count).filter(({ undone }) => !undone);
  }

  /**
   * The tags that the broker still takes for settled: also those of a tx.rollback which it has not answered, for what it
   * does of its own accord until then does not touch them.
   */
  settledTags(): TagRanges {
    const tags = new TagRanges(Number.POSITIVE_INFINITY);
    for (const { from, to } of this.#made) tags.add(Math.max(1, from), to);
    return tags;
  }

  clear(): void {
    this.#made.length = 0;
  }
}

function goesOn(last: Settlement, { how, from, to, requeue }: Settlement): boolean {
  if (last.how !== how || last.requeue !== requeue) return false;
  // all up to a later one, or the one that follows
  return (from === 0 && last.from === 0 && to >= last.to) || from === last.to + 1;
}
