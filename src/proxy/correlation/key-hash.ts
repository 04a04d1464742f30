/** 64 bits, in two halves. */
export interface Hash {
  readonly a: number;
  readonly b: number;
}

/** Ends each part of a key, so that no two divisions of the same bytes are alike. No text has such a byte. */
const SEPARATOR = 0x1ff;

/**
 * Hashes what identifies a question or a request, part by part and without making strings. Reused: `start` before each.
 * Of 64 bits, so that two keys which are not the same never meet in practice.
 */
export class KeyHash implements Hash {
  a = 0;
  b = 0;

  start({ a, b }: Hash): this {
    this.a = a;
    this.b = b;
    return this;
  }

  /** One more part: bytes[from, to). */
  part(bytes: Uint8Array, from: number, to: number): this {
    let { a, b } = this;
    for (let i = from; i < to; i++) {
      a = Math.imul(a ^ bytes[i], 0x01000193);
      b = Math.imul((b << 5) ^ (b >>> 27) ^ bytes[i], 0x9e3779b1);
    }
    this.a = Math.imul(a ^ SEPARATOR ^ (a >>> 15), 0x85ebca6b);
    this.b = Math.imul(b ^ SEPARATOR ^ (b >>> 13), 0xc2b2ae35);
    return this;
  }

  text(text: string): this {
    const bytes = Buffer.from(text, 'utf8');
    return this.part(bytes, 0, bytes.length);
  }

  number(number: number): this {
    this.a = Math.imul(this.a ^ number, 0x01000193);
    this.b = Math.imul(this.b ^ (number + SEPARATOR), 0x9e3779b1);
    return this;
  }

  /** What it is so far. */
  copy(): Hash {
    return { a: this.a, b: this.b };
  }
}
