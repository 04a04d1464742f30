import type { ContentHeader } from '../../amqp/content.ts';
import { text } from '../../amqp/fields.ts';
import { type More, type Names, NOTHING_MORE } from '../../events/passage.ts';
import { TRACESTATE } from '../ports/interceptor.ts';

/** What is told of a message when its passage ends, besides figures. Most messages share one object. */
export interface SpanDetail {
  readonly via: Names['via'];
  /** '' for a publish or basic.get */
  readonly consumerTag: string;
  readonly more: More;
}

/** The detail of every publish that has nothing special to tell. */
export const PLAIN_PUBLISH: SpanDetail = { via: 'publish', consumerTag: '', more: NOTHING_MORE };

/**
 * What the content header last read says for its message's event. `hasState`: a tracestate counts; `fault`: faults that
 * struck it, '' for none; `keys`: of its baggage, those that are told.
 */
export function moreOf(header: ContentHeader, hasState: boolean, fault: string, keys: readonly string[]): More {
  const state = hasState ? header.stringAt(TRACESTATE) : -1;
  const baggage = keys.length === 0 ? '' : baggageOf(header, keys);
  const isPlain = state < 0 && fault === '' && baggage === '';
  if (isPlain && !header.has('messageId') && !header.has('correlationId')) return NOTHING_MORE;
  return {
    ...NOTHING_MORE,
    traceState: state < 0 ? '' : text(header.buf, state, state + header.stringLength(TRACESTATE)),
    messageId: header.property('messageId'),
    correlationId: header.property('correlationId'),
    fault,
    baggage,
  };
}

const BAGGAGE = Buffer.from('baggage');

/** Members of the message's baggage with one of these keys, as they stand there. */
function baggageOf(header: ContentHeader, keys: readonly string[]): string {
  const value = header.textOf(BAGGAGE);
  if (value === '') return '';
  return value
    .split(',')
    .filter((member) => keys.includes(member.slice(0, Math.max(0, member.indexOf('='))).trim()))
    .join(',');
}

/** The same message with the reply that returned it. */
export const withReply = (detail: SpanDetail, replyCode: number, replyText: string): SpanDetail => ({
  ...detail,
  more: { ...detail.more, replyCode, replyText },
});
