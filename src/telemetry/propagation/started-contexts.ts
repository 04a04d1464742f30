import { copyWords, viewOf } from '../../amqp/bytes.ts';
import { writeHex } from '../../events/hex.ts';
import { CONTEXT_WORDS, type IdPool, SPAN_WORDS, TRACE_WORDS } from '../traces/ids.ts';
import { SPAN_AT, TRACE_AT } from '../traces/traceparent.ts';

/** Contexts made at once: text is written faster in a loop that does nothing else, and all of it stays in the processor's cache. */
const MADE = 64;

/** Contexts of traces that start here, and for each the header entry that says so. */
export class StartedContexts {
  readonly #ids: IdPool;
  readonly #words = new Uint32Array(MADE * CONTEXT_WORDS);
  readonly #entries: DataView;
  readonly #bytes: number;
  readonly #valueAt: number;
  #next = MADE;

  /** `entry`: without ids, which are part of the value that begins at `valueAt`. */
  constructor(ids: IdPool, entry: Uint8Array, valueAt: number) {
    this.#ids = ids;
    this.#bytes = entry.length;
    this.#valueAt = valueAt;
    const entries = Buffer.alloc(MADE * entry.length);
    for (let i = 0; i < MADE; i++) entries.set(entry, i * entry.length);
    this.#entries = viewOf(entries);
  }

  /** Writes the words of one, trace id and then span id, to `words` from `at`, and its entry to `view` from `to`. */
  take(words: Uint32Array, at: number, view: DataView, to: number): void {
    if (this.#next === MADE) this.#make();
    const next = this.#next++;
    for (let i = 0; i < CONTEXT_WORDS; i++) words[at + i] = this.#words[next * CONTEXT_WORDS + i];
    copyWords(this.#entries, next * this.#bytes, (next + 1) * this.#bytes, view, to);
  }

  #make(): void {
    this.#next = 0;
    const words = this.#words;
    this.#ids.contexts(words);
    for (let i = 0; i < MADE; i++) {
      const at = i * CONTEXT_WORDS;
      const value = i * this.#bytes + this.#valueAt;
      writeHex(words, at, TRACE_WORDS, this.#entries, value + TRACE_AT);
      writeHex(words, at + TRACE_WORDS, SPAN_WORDS, this.#entries, value + SPAN_AT);
    }
  }
}
