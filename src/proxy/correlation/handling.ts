/** Topics of which it is remembered how one connection publishes them; of others, being alone proves nothing. */
const MAX_TOPICS = 256;
/** ms for which a delivery that was settled before anything was published may still be worked on. */
const WORKED_ON_MS = 60_000;

/**
 * How one connection goes about its deliveries: how many it holds, and whether what it publishes while it holds a
 * single one comes of that.
 *
 * It does unless the app shows that it publishes such messages for other reasons too, or behind the settlement of what
 * they come of. Both show when it publishes one while it holds nothing. And until it has once published one with
 * nothing before it that was settled without a publish, that could be what it comes of.
 */
export class Handling {
  /** deliveries that await their settlement */
  open = 0;
  /** another one after each change of what is open */
  version = 0;
  #hasHeld = false;
  /** it has had deliveries of which no settlement tells how long they are worked on */
  #hides = false;
  /** something was published since the last settlement */
  #published = false;
  /** when a delivery was settled and nothing had been published for it, ms of the monotonic clock */
  #quietAt = Number.NEGATIVE_INFINITY;
  /** by topic: whether it is only ever published for a delivery, as far as that was seen */
  readonly #isWithin = new Map<string, boolean>();
  #lastAlone: string | undefined;

  opened(count: number): void {
    this.open += count;
    this.version++;
    this.#hasHeld = true;
  }

  settled(count: number, now: number): void {
    this.open -= count;
    this.version++;
    if (!this.#published || count > 1) this.#quietAt = now;
    this.#published = false;
  }

  /** It has a delivery that it need not settle. */
  hides(): void {
    this.#hides = true;
  }

  /** It publishes and holds no delivery. */
  publishedAlone(topic: string): void {
    if (!this.#hasHeld || topic === this.#lastAlone) return;
    this.#lastAlone = topic;
    if (this.#isWithin.size < MAX_TOPICS || this.#isWithin.has(topic)) this.#isWithin.set(topic, false);
  }

  /** It publishes such messages while it holds nothing, too. */
  isOutside(topic: string): boolean {
    return this.#isWithin.get(topic) === false;
  }

  /** It publishes while it holds some. True: what it holds is all that this can come of. */
  publishedWithin(topic: string, now: number): boolean {
    this.#published = true;
    if (this.#hides || this.open !== 1) return false;
    const isWithin = this.#isWithin.get(topic);
    if (isWithin !== undefined) return isWithin;
    if (now - this.#quietAt < WORKED_ON_MS || this.#isWithin.size >= MAX_TOPICS) return false;
    this.#isWithin.set(topic, true);
    return true;
  }
}
