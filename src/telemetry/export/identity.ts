import { HAS_PARENT, HAS_SPAN, type Passage, TRACED } from '../../events/passage.ts';
import { CONTEXT_WORDS, createIdPool, TRACE_WORDS } from '../traces/ids.ts';

/** What a consumer's span is to the message's own context. */
export type ConsumerSpans = 'parent' | 'link' | 'both';

/** Fills the ids that the passage's span has, as in SpanSource. */
export function identify({ names, bits, ids, idsAt }: Passage, consumer: ConsumerSpans, to: Uint32Array): void {
  // A root is of the trace its message starts; if only linked to the message's, of one of its own.
  const unrelated = (bits & HAS_PARENT) !== 0 && names.via !== 'publish' && consumer === 'link';
  if (unrelated || (bits & TRACED) === 0) pool.traceId(to, 0);
  else for (let i = 0; i < TRACE_WORDS; i++) to[i] = ids[idsAt + i];
  if ((bits & HAS_SPAN) === 0) pool.spanId(to, TRACE_WORDS);
  else for (let i = TRACE_WORDS; i < CONTEXT_WORDS; i++) to[i] = ids[idsAt + i];
}

const pool = createIdPool(64);
