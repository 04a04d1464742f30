/**
 * Which publish the broker's delivery tags mean, on a channel where a fault made the broker's count
 * differ from the app's: one publish was not forwarded, came twice or came later.
 */
export class ConfirmTags {
  /** tag → the publish's sequence, in the order of tags; 0: a copy, which nobody waits for */
  readonly #open = new Map<number, number>();
  #next: number;

  /** `next`: the tag that the broker gives to what is sent next. */
  constructor(next: number) {
    this.#next = next;
  }

  get next(): number {
    return this.#next;
  }

  /** No confirm is awaited. */
  get isSettled(): boolean {
    return this.#open.size === 0;
  }

  /** A publish that was sent before. In the order of tags. */
  awaits(tag: number, sequence: number): void {
    this.#open.set(tag, sequence);
  }

  sent(sequence: number): void {
    this.#open.set(this.#next++, sequence);
  }

  /** The sequences that a confirm settles, each once. */
  take(tag: number, multiple: boolean): number[] {
    const taken: number[] = [];
    if (!multiple) {
      const sequence = this.#open.get(tag);
      if (sequence !== undefined) taken.push(sequence);
      this.#open.delete(tag);
      return taken;
    }
    for (const [each, sequence] of this.#open) {
      // tag 0 with multiple: all so far
      if (tag !== 0 && each > tag) break;
      taken.push(sequence);
      this.#open.delete(each);
    }
    return taken;
  }
}
