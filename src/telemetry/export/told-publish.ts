import {
  HAS_PARENT,
  HAS_SPAN,
  NOTHING_MORE,
  type Passage,
  publishedAt,
  REDELIVERED,
  SAMPLED,
  TRACED,
} from '../../events/passage.ts';
import { CONTEXT_WORDS, SPAN_WORDS, TRACE_WORDS } from '../traces/ids.ts';

/**
 * The publish of a message that was delivered, as far as the message tells: its time, its names, and the context it
 * carries. Whoever published it recorded nothing, for that context is unsampled. Undefined if it does not tell, and if it
 * was told of with another attempt.
 */
export function publishOf(delivery: Passage): Passage | undefined {
  const at = publishedAt(delivery);
  if (delivery.more.isContinued || at === 0 || (delivery.bits & HAS_PARENT) === 0) return undefined;
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

/** The attempts before a delivery that were not told of when they ended: by which connections they were is not known any more. */
export function attemptsBefore(delivery: Passage): Passage[] {
  const { earlier, firstPublished } = delivery.more;
  const names = { ...delivery.names, consumerTag: '', connection: 0, channel: 0 };
  return earlier.map(({ attempt, startedAt, endedAt, settlement }, i) => ({
    ...delivery,
    names,
    bits: (delivery.bits & (TRACED | HAS_PARENT)) | (attempt > 1 ? REDELIVERED : 0),
    startedAt,
    endedAt,
    number: 0,
    latency: attempt === 1 && firstPublished > 0 ? (startedAt - firstPublished) / 1e6 : Number.NaN,
    settlement,
    outcome: 'requeued',
    reason: settlement,
    more: {
      ...NOTHING_MORE,
      messageId: delivery.more.messageId,
      correlationId: delivery.more.correlationId,
      attempt,
      firstPublished: attempt === 1 ? 0 : firstPublished,
      queuedAt: earlier[i - 1]?.attempt === attempt - 1 ? earlier[i - 1].endedAt : 0,
      isContinued: true,
    },
  }));
}
