import {
  HAS_PARENT,
  HAS_SPAN,
  NOTHING_MORE,
  type Passage,
  publishedAt,
  SAMPLED,
  TRACED,
} from '../../events/passage.ts';
import { CONTEXT_WORDS, SPAN_WORDS, TRACE_WORDS } from '../traces/ids.ts';

/**
 * The publish of a message that was delivered, as far as the message tells: its time, its names, and the context it
 * carries. Whoever published it recorded nothing, for that context is unsampled. Undefined if it does not tell.
 */
export function publishOf(delivery: Passage): Passage | undefined {
  const at = publishedAt(delivery);
  if (at === 0 || (delivery.bits & HAS_PARENT) === 0) return undefined;
  const { names, idsAt, bodySize, more } = delivery;
  const ids = new Uint32Array(CONTEXT_WORDS + SPAN_WORDS);
  for (let i = 0; i < TRACE_WORDS; i++) ids[i] = delivery.ids[idsAt + i];
  for (let i = 0; i < SPAN_WORDS; i++) ids[TRACE_WORDS + i] = delivery.ids[idsAt + CONTEXT_WORDS + i];
  return {
    // it took another connection, and its number there is not known
    names: { ...names, via: 'publish', queue: '', consumerTag: '', connection: 0, channel: 0 },
    bits: TRACED | SAMPLED | HAS_SPAN,
    ids,
    idsAt: 0,
    startedAt: at,
    endedAt: at,
    bodySize,
    number: 0,
    latency: Number.NaN,
    settlement: '',
    outcome: 'success',
    reason: '',
    more: { ...NOTHING_MORE, messageId: more.messageId, correlationId: more.correlationId },
  };
}
