import type { ContentHeader } from '../../amqp/content.ts';

/**
 * A trace context in message headers that is not W3C's. Read and written as bytes, like traceparent: the SDK's propagators
 * want strings in an object for each message (tests hold the two against each other).
 */
export interface ContextFormat {
  /** a message that has any of them has a context of this format, valid or not */
  readonly headers: readonly string[];
  /**
   * Reads trace id and span id into 6 words. Returns FLAG_SAMPLED, 0, or -1 if there is no valid context. `first`:
   * position of the first of `headers` among the known ones.
   */
  read(header: ContentHeader, first: number, words: Uint32Array): number;
  /** Writes the context as entries of the headers table: at most MOST_CONTEXT_BYTES. Returns how many bytes. */
  write(context: Ids, sampled: boolean, view: DataView, at: number): number;
}

/** Where the ids to write are: the trace id's 4 words, the span id's 2. */
export interface Ids {
  readonly words: Uint32Array;
  readonly trace: number;
  readonly span: number;
}

/** Bytes of all formats' entries together stay below. */
export const MOST_CONTEXT_BYTES = 512;
