/** An app's basic.ack, basic.reject and basic.nack of deliveries with tags in a row. */
export interface Settlement {
  how: 'ack' | 'reject' | 'nack';
  /** 0: all up to `to` */
  from: number;
  /** 0, as `from`: all so far */
  to: number;
  requeue: boolean;
}

/** In a transaction: settlements that wait for its commit. Those in a row that say the same are one. */
export class Uncommitted {
  #waiting: Settlement[] = [];
  /** how many were taken off its front so far */
  #gone = 0;
  /** those up to this number are under a commit or rollback that is on its way: what follows must not join them */
  #marked = 0;

  get size(): number {
    return this.#waiting.length;
  }

  add(settlement: Settlement): void {
    const last = this.#waiting.at(-1);
    const joins = last !== undefined && this.#gone + this.#waiting.length > this.#marked && goesOn(last, settlement);
    if (joins) last.to = Math.max(last.to, settlement.to);
    else this.#waiting.push({ ...settlement });
  }

  /** Those made so far are the ones that a commit covers which the app sends now: their number. */
  mark(): number {
    this.#marked = this.#gone + this.#waiting.length;
    return this.#marked;
  }

  /** Takes those up to the number that `mark` gave. */
  take(upTo: number): Settlement[] {
    const taken = this.#waiting.splice(0, Math.max(0, upTo - this.#gone));
    this.#gone += taken.length;
    return taken;
  }

  clear(): void {
    this.#gone += this.#waiting.length;
    this.#waiting = [];
  }

  /** Whether one of them is of this tag, for tags that only grow from one call to the next. */
  covers(): (tag: number) => boolean {
    const rows = this.#waiting.map(({ from, to }) => ({ from, to })).sort((a, b) => a.from - b.from);
    let at = 0;
    let upTo = -1;
    return (tag) => {
      for (; at < rows.length && rows[at].from <= tag; at++) upTo = Math.max(upTo, rows[at].to);
      return tag <= upTo;
    };
  }
}

function goesOn(last: Settlement, { how, from, to, requeue }: Settlement): boolean {
  if (last.how !== how || last.requeue !== requeue) return false;
  // all up to a later one, or the one that follows
  return (from === 0 && last.from === 0 && to >= last.to) || from === last.to + 1;
}
