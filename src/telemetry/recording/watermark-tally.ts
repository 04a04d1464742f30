import type { Watermark } from '../../proxy/ports/observer.ts';
import { NONE } from '../metrics/cells.ts';
import { OVERFLOW } from '../metrics/label-values.ts';
import { Tally, type TallyOwner } from './tally.ts';

const PUBLISHED = ['topic', 'pipeline', 'routing_key'] as const;
const DELIVERED = ['topic', 'pipeline', 'queue', 'routing_key'] as const;
/** By so much a watermark stands below a message that waits again: as much as stamps can tell. */
const BELOW_S = 1e-6;

/** When the newest message of a route was published, of those that were published, or of those that were delivered. */
export class WatermarkCells extends Tally implements Watermark {
  readonly #family: 'published_at' | 'delivered_at';
  #cell = NONE;
  /** the newest of all so far */
  #newest = 0;
  // of those that have gone back since the last delivery
  #oldestBack = Number.POSITIVE_INFINITY;
  #newestBack = 0;

  /** `names`: topic, pipeline, for deliveries the queue, and the routing key. */
  constructor(owner: TallyOwner, names: readonly string[]) {
    const isDelivered = names.length === DELIVERED.length;
    super(owner, 'watermarks', isDelivered ? DELIVERED : PUBLISHED, names);
    this.#family = isDelivered ? 'delivered_at' : 'published_at';
  }

  reached(stamp: number): void {
    if (!(stamp > 0)) return;
    const seconds = stamp / 1e6;
    if (this.#cell === NONE && !this.#open()) return;
    if (seconds > this.#newest) this.#newest = seconds;
    if (seconds > this.cells[this.#cell]) this.cells[this.#cell] = seconds;
    if (this.#newestBack === 0) return;
    this.#oldestBack = Number.POSITIVE_INFINITY;
    this.#newestBack = 0;
  }

  /**
   * A consumer that goes leaves behind what it had not settled, and that waits first of all. Only if the newest delivery is
   * among it: else another consumer is there, and gets it at once.
   */
  wentBack(stamp: number): void {
    if (!(stamp > 0) || this.#cell === NONE) return;
    const seconds = stamp / 1e6;
    this.#oldestBack = Math.min(this.#oldestBack, seconds);
    this.#newestBack = Math.max(this.#newestBack, seconds);
    if (this.#newestBack >= this.#newest) this.cells[this.#cell] = this.#oldestBack - BELOW_S;
  }

  protected override forget(): void {
    this.#cell = NONE;
    this.#newest = this.#newestBack = 0;
    this.#oldestBack = Number.POSITIVE_INFINITY;
  }

  /** What shares its names with others can't be compared. */
  #open(): boolean {
    const { names } = this;
    if (names.includes(OVERFLOW)) return false;
    this.#cell = this.claim(this.#family, names);
    return true;
  }
}
