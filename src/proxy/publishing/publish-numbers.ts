/**
 * The numbers of one channel's publishes: our sequence, which counts all of them, and the delivery
 * tags of the broker and of the app, which each begin at their own confirm.select.
 */
export class PublishNumbers {
  /** publishes seen on this channel */
  sequence = 0;
  /** publishes before confirms were selected, by whom ever: the broker's delivery tag 1 is the one after these */
  brokerFrom = Number.POSITIVE_INFINITY;
  /** publishes seen before the app's own confirm.select: its delivery tag 1 is the one after these */
  appFrom = Number.POSITIVE_INFINITY;
  /** how far the broker's tags lag behind our sequence: publishes that did not reach it, less the copies that did */
  behind = 0;
  /** the confirms were selected by us; the app may still select its own */
  #shadow = false;

  /** The app's confirm.select: what it publishes from now on is under it. A second one does not reset the count. */
  select(): void {
    if (this.appFrom === Number.POSITIVE_INFINITY) this.appFrom = this.sequence;
    if (this.brokerFrom === Number.POSITIVE_INFINITY) this.brokerFrom = this.sequence;
  }

  /** We select confirms ahead of a publish. */
  selectShadow(): void {
    this.brokerFrom = this.sequence;
    this.#shadow = true;
  }

  /** Confirms were selected by us: tx.select will fail. */
  get isShadowed(): boolean {
    return this.#shadow;
  }

  /** The app waits for confirms of its own. */
  get appConfirms(): boolean {
    return this.appFrom !== Number.POSITIVE_INFINITY;
  }

  /** The publish that the broker's confirm `tag` is of. Not while confirms are translated one by one (ConfirmTranslator). */
  sequenceOf(tag: number): number {
    return tag + this.brokerFrom + this.behind;
  }

  /** The tag under which the app knows the broker's confirm `tag`, or -1: the confirm is ours alone. */
  appTag(tag: number): number {
    if (!this.#shadow && this.behind === 0) return tag;
    if (this.appFrom === Number.POSITIVE_INFINITY) return -1;
    if (tag === 0) return 0;
    const translated = this.sequenceOf(tag) - this.appFrom;
    return translated > 0 ? translated : -1;
  }

  /** A publish as the app knows it: its delivery tag, if it selected confirms. */
  appNumber(sequence: number): number {
    return sequence > this.appFrom ? sequence - this.appFrom : sequence;
  }
}
