import { NO_BYTES } from '../../amqp/bytes.ts';

/** The highest number that a channel can have. */
export const MAX_CHANNEL = 0xffff;
const LEAST_BYTES = 32;

/**
 * A set of channel numbers, a bit each: 8 KiB when all 65,535 are in it, so that an app may open as many
 * channels as it likes and costs no more than that until it uses them.
 */
export class ChannelNumbers {
  size = 0;
  #bits = NO_BYTES;

  has(id: number): boolean {
    return id >> 3 < this.#bits.length && (this.#bits[id >> 3] & (1 << (id & 7))) !== 0;
  }

  /** False if it is there already. */
  add(id: number): boolean {
    if (this.has(id)) return false;
    const at = id >> 3;
    if (at >= this.#bits.length) {
      const larger = new Uint8Array(
        Math.max(LEAST_BYTES, at + 1, Math.min(this.#bits.length * 2, (MAX_CHANNEL + 1) / 8)),
      );
      larger.set(this.#bits);
      this.#bits = larger;
    }
    this.#bits[at] |= 1 << (id & 7);
    this.size++;
    return true;
  }

  /** False if it was not there. */
  delete(id: number): boolean {
    if (!this.has(id)) return false;
    this.#bits[id >> 3] &= ~(1 << (id & 7));
    this.size--;
    return true;
  }

  /** Forgets all beyond `last`. */
  limit(last: number): void {
    for (let id = last + 1; id < this.#bits.length * 8; id++) this.delete(id);
  }

  clear(): void {
    this.#bits = NO_BYTES;
    this.size = 0;
  }
}
