/** Some lines' worth: above that, copying what is pending costs more than another call. */
const PENDING = 8192;
const UTF8_BYTES_PER_UNIT = 3;

/**
 * A scrape on its way out. Megabytes of text in thousands of pieces: they go into a buffer as they come,
 * for the heap of a sidecar is smaller than what they would take there as strings.
 */
export class Lines {
  #buffer: Buffer;
  #length = 0;
  #pending = '';

  /** `expected`: how many bytes there will be, about. */
  constructor(expected: number) {
    this.#buffer = Buffer.allocUnsafeSlow(expected);
  }

  add(text: string): void {
    this.#pending += text;
    if (this.#pending.length >= PENDING) this.#flush();
  }

  /** Nothing may be added afterwards. */
  end(): Buffer {
    this.#flush();
    return this.#buffer.subarray(0, this.#length);
  }

  #flush(): void {
    const needed = this.#length + this.#pending.length * UTF8_BYTES_PER_UNIT;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    this.#length += this.#buffer.write(this.#pending, this.#length);
    this.#pending = '';
  }
}
