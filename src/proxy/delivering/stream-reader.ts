import type { ContentHeader } from '../../amqp/content.ts';
import { X_STREAM_OFFSET } from '../ports/interceptor.ts';

/**
 * Tells deliveries out of a stream from others, and new ones from what is read again. A stream's deliveries all carry
 * x-stream-offset, which the broker writes; out of another queue it is one that an app copied along.
 */
export class StreamReader {
  readonly #asksForOffset: boolean;
  /** microseconds since the epoch */
  readonly #since: number;
  #readsQueue = false;
  /** the furthest offset so far */
  #last = -1;

  /** `asksForOffset`: the consumer names an x-stream-offset to begin at. `since`: when it began. */
  constructor(asksForOffset: boolean, since: number) {
    this.#asksForOffset = asksForOffset;
    this.#since = since;
  }

  /** The delivery may come out of a stream: `reads` says. Most don't, and cost a look. */
  hasOffset(header: ContentHeader): boolean {
    if (header.value(X_STREAM_OFFSET) >= 0 && !Number.isNaN(header.integer(X_STREAM_OFFSET))) return true;
    this.#readsQueue = true;
    return false;
  }

  /** `declared`: the queue was declared as a stream or not, undefined if nobody saw it. */
  reads(declared: boolean | undefined): boolean {
    return this.#asksForOffset || (declared ?? !this.#readsQueue);
  }

  advances(header: ContentHeader, stamp: number): boolean {
    const offset = header.integer(X_STREAM_OFFSET);
    if (offset <= this.#last) return false;
    this.#last = offset;
    return stamp > this.#since;
  }
}
