import { LOST, type More, NOTHING_MORE, newPassage, type Passage, SPARED } from '../../events/passage.ts';
import type { Connection } from '../connections.ts';
import { CONTEXT_WORDS } from '../traces/ids.ts';
import type { ConsumerSpans } from './identity.ts';
import { KeptNames } from './kept-names.ts';
import type { SpanSource } from './spans.ts';

/** Its own ids, then those of its message. */
const ID_WORDS = CONTEXT_WORDS + 8;
/** Bytes of all columns. */
export const SPAN_BYTES = ID_WORDS * 4 + 5 * 8 + 2 * 4 + 2 + 4;
/** What an object of `more` takes beside its texts. */
const MORE_BYTES = 200;
const NONE = -1;

const OUTCOMES: readonly Passage['outcome'][] = ['success', 'failed', 'requeued', 'unknown'];
const CONSUMERS: readonly ConsumerSpans[] = ['parent', 'link', 'both'];

/**
 * Spans by number, each as the passage it is of: in columns, so that the garbage collector has nothing to do with them.
 * Columns have their full length from the start; memory is used only where they are touched.
 */
export class KeptSpans {
  size = 0;
  /** the next span of its trace; -1: it is the last one */
  readonly next: Int32Array;
  readonly #ids: Uint32Array;
  readonly #startedAt: Float64Array;
  readonly #endedAt: Float64Array;
  readonly #bodySize: Float64Array;
  readonly #number: Float64Array;
  readonly #latency: Float64Array;
  readonly #names: Uint32Array;
  readonly #bits: Uint16Array;
  readonly #outcome: Uint8Array;
  readonly #settlement: Uint8Array;
  readonly #reason: Uint8Array;
  readonly #consumer: Uint8Array;
  readonly #more = new Map<number, More>();
  #moreBytes = 0;
  readonly #known = new KeptNames();
  readonly #settlements = new Words<Passage['settlement']>();
  readonly #reasons = new Words<string>();
  #free = NONE;
  #used = 0;

  constructor(capacity: number) {
    this.next = new Int32Array(capacity);
    this.#ids = new Uint32Array(capacity * ID_WORDS);
    this.#startedAt = new Float64Array(capacity);
    this.#endedAt = new Float64Array(capacity);
    this.#bodySize = new Float64Array(capacity);
    this.#number = new Float64Array(capacity);
    this.#latency = new Float64Array(capacity);
    this.#names = new Uint32Array(capacity);
    this.#bits = new Uint16Array(capacity);
    this.#outcome = new Uint8Array(capacity);
    this.#settlement = new Uint8Array(capacity);
    this.#reason = new Uint8Array(capacity);
    this.#consumer = new Uint8Array(capacity);
  }

  get capacity(): number {
    return this.next.length;
  }

  get bytes(): number {
    return this.size * SPAN_BYTES + this.#moreBytes + this.#known.bytes;
  }

  /** Its number. There has to be room. */
  add({ passage, connection, consumer, ids }: SpanSource): number {
    const span = this.#place();
    this.size++;
    this.next[span] = NONE;
    this.#ids.set(ids, span * ID_WORDS);
    for (let i = 0; i < 8; i++) this.#ids[span * ID_WORDS + CONTEXT_WORDS + i] = passage.ids[passage.idsAt + i];
    this.#startedAt[span] = passage.startedAt;
    this.#endedAt[span] = passage.endedAt;
    this.#bodySize[span] = passage.bodySize;
    this.#number[span] = passage.number;
    this.#latency[span] = passage.latency;
    this.#names[span] = this.#known.take(passage.names, connection);
    this.#bits[span] = passage.bits;
    this.#outcome[span] = OUTCOMES.indexOf(passage.outcome);
    this.#settlement[span] = this.#settlements.number(passage.settlement);
    this.#reason[span] = this.#reasons.number(passage.reason);
    this.#consumer[span] = CONSUMERS.indexOf(consumer);
    if (passage.more === NOTHING_MORE) return span;
    this.#more.set(span, passage.more);
    this.#moreBytes += bytesOf(passage.more);
    return span;
  }

  delete(span: number): void {
    this.#known.release(this.#names[span]);
    const more = this.#more.get(span);
    if (more !== undefined) this.#moreBytes -= bytesOf(more);
    this.#more.delete(span);
    this.next[span] = this.#free;
    this.#free = span;
    this.size--;
  }

  /** As it came, the ids its own copy. */
  source(span: number): SpanSource {
    const from = span * ID_WORDS;
    const ids = this.#ids.slice(from, from + CONTEXT_WORDS);
    const passage: Passage = {
      ...newPassage(),
      names: this.names(span),
      bits: this.#bits[span],
      ids: this.#ids.slice(from + CONTEXT_WORDS, from + ID_WORDS),
      startedAt: this.#startedAt[span],
      endedAt: this.#endedAt[span],
      bodySize: this.#bodySize[span],
      number: this.#number[span],
      latency: this.#latency[span],
      settlement: this.#settlements.word(this.#settlement[span]),
      outcome: this.outcome(span),
      reason: this.reason(span),
      more: this.#more.get(span) ?? NOTHING_MORE,
    };
    return { passage, connection: this.connection(span), consumer: CONSUMERS[this.#consumer[span]], ids };
  }

  /** Its message is lost after all. */
  lost(span: number, reason: string): void {
    this.#outcome[span] = OUTCOMES.indexOf('failed');
    this.#reason[span] = this.#reasons.number(reason);
    this.#bits[span] = (this.#bits[span] | LOST) & ~SPARED;
  }

  names(span: number): Passage['names'] {
    return this.#known.get(this.#names[span]).names;
  }

  connection(span: number): Connection | undefined {
    return this.#known.get(this.#names[span]).connection;
  }

  bits(span: number): number {
    return this.#bits[span];
  }

  outcome(span: number): Passage['outcome'] {
    return OUTCOMES[this.#outcome[span]];
  }

  reason(span: number): string {
    return this.#reasons.word(this.#reason[span]);
  }

  startedAt(span: number): number {
    return this.#startedAt[span];
  }

  endedAt(span: number): number {
    return this.#endedAt[span];
  }

  /** Whether it is of the trace whose id is in `words` 0–3. */
  sameTrace(span: number, words: Uint32Array): boolean {
    const at = span * ID_WORDS;
    const ids = this.#ids;
    return ids[at] === words[0] && ids[at + 1] === words[1] && ids[at + 2] === words[2] && ids[at + 3] === words[3];
  }

  /** The words of its ids: its trace id in 0–3. */
  idsOf(span: number): Uint32Array {
    return this.#ids.subarray(span * ID_WORDS, span * ID_WORDS + CONTEXT_WORDS);
  }

  #place(): number {
    if (this.#free === NONE) return this.#used++;
    const span = this.#free;
    this.#free = this.next[span];
    return span;
  }
}

/** The few words that reasons and settlements are, by number. */
class Words<T extends string> {
  readonly #words: T[] = [];

  number(word: T): number {
    const number = this.#words.indexOf(word);
    return number >= 0 ? number : this.#words.push(word) - 1;
  }

  word(number: number): T {
    return this.#words[number];
  }
}

function bytesOf(more: More): number {
  const { traceState, messageId, correlationId, fault, replyText, deadLetterQueue, deadLetterReason } = more;
  const texts = [traceState, messageId, correlationId, fault, replyText, deadLetterQueue, deadLetterReason];
  return MORE_BYTES + 2 * texts.reduce((sum, { length }) => sum + length, 0);
}
