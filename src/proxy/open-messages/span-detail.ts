import type { ContentHeader } from '../../amqp/content.ts';
import { text } from '../../amqp/fields.ts';
import { valueText } from '../../amqp/value-text.ts';
import { hexOf } from '../../events/hex.ts';
import { type More, type Names, NOTHING_MORE } from '../../events/passage.ts';
import { type Cause, TRACESTATE } from '../ports/interceptor.ts';
import type { Remembered } from './run.ts';

/** What is told of a message when its passage ends, besides figures. Most messages share one object. */
export interface SpanDetail {
  readonly via: Names['via'];
  /** '' for a publish or basic.get */
  readonly consumerTag: string;
  readonly more: More;
}

/** The detail of every publish that has nothing special to tell. */
export const PLAIN_PUBLISH: SpanDetail = { via: 'publish', consumerTag: '', more: NOTHING_MORE };

/** A header that configuration wants to be shown with each span. */
export interface ShownHeader {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What the content header last read says for its message's event. `fault`: faults that struck it, '' for none. */
export function moreOf(header: ContentHeader, hasParent: boolean, fault: string, shown: readonly ShownHeader[]): More {
  const state = hasParent ? header.stringAt(TRACESTATE) : -1;
  const headers = shown.length === 0 || !header.hasTable ? NOTHING_MORE.headers : shownOf(header, shown);
  if (state < 0 && fault === '' && headers.length === 0 && !header.has('messageId') && !header.has('correlationId'))
    return NOTHING_MORE;
  return {
    ...NOTHING_MORE,
    traceState: state < 0 ? '' : text(header.buf, state, state + header.stringLength(TRACESTATE)),
    messageId: header.property('messageId'),
    correlationId: header.property('correlationId'),
    fault,
    headers,
  };
}

/** What is told of a publish, with the delivery that it comes of. */
export const withCause = (more: More, { evidence, ids }: Cause, isCauseParent: boolean): More => ({
  ...more,
  cause: evidence,
  causeTraceId: hexOf(ids, 0, 4),
  causeSpanId: hexOf(ids, 4, 2),
  isCauseParent,
});

/** What is told of a delivery of which only that was kept. */
export const named = ({ messageId, correlationId }: Remembered): More => ({
  ...NOTHING_MORE,
  messageId,
  correlationId,
});

/** What is told of a delivery that is not the first of its message. */
export const withRound = (more: More, { attempt, firstPublished, queuedAt }: Remembered): More => ({
  ...more,
  attempt,
  firstPublished,
  queuedAt,
});
/** Values that are no text, or long ones, are left out. */
function shownOf(header: ContentHeader, shown: readonly ShownHeader[]): More['headers'] {
  return shown.flatMap(({ name, bytes }) => {
    const at = header.find(bytes);
    const value = at < 0 ? undefined : valueText(header.buf, at);
    return value === undefined ? [] : [[name, value] as const];
  });
}

/** The same message with the reply that returned it. */
export const withReply = (detail: SpanDetail, replyCode: number, replyText: string): SpanDetail => ({
  ...detail,
  more: { ...detail.more, replyCode, replyText },
});
