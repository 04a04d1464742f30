import type { ContentHeader } from '../../amqp/content.ts';
import { text } from '../../amqp/fields.ts';
import { type More, NOTHING_MORE } from '../../events/passage.ts';
import { TRACESTATE } from '../ports/interceptor.ts';
import type { Detail } from './window.ts';

/** Of publishes of which there is nothing more to tell. */
export const PLAIN_PUBLISH: Detail = { via: 'publish', consumerTag: '', more: NOTHING_MORE };

/** What the content header last read has for its message's event; `fault` as there. */
export function moreOf(header: ContentHeader, hasParent: boolean, fault: string): More {
  const state = hasParent ? header.stringAt(TRACESTATE) : -1;
  if (state < 0 && fault === '' && !header.has('messageId') && !header.has('correlationId')) return NOTHING_MORE;
  return {
    ...NOTHING_MORE,
    traceState: state < 0 ? '' : text(header.buf, state, state + header.stringLength(TRACESTATE)),
    messageId: header.property('messageId'),
    correlationId: header.property('correlationId'),
    fault,
  };
}
