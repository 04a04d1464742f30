import type { ContentHeader } from '../amqp/content.ts';
import { text } from '../amqp/fields.ts';
import { hexOf } from './hex.ts';
import { TRACESTATE } from './interceptor.ts';
import type { Detail } from './window.ts';

/** What a sampled message's event needs of the content header last read; ids as in TraceContext; `fault` as in Detail. */
export function sampledDetail(header: ContentHeader, ids: Uint32Array, hasParent: boolean, fault: string): Detail {
  const state = header.stringAt(TRACESTATE);
  return {
    traceId: hexOf(ids, 0, 4),
    spanId: hexOf(ids, 4, 2),
    parentSpanId: hasParent ? hexOf(ids, 6, 2) : '',
    traceState: hasParent && state >= 0 ? text(header.buf, state, state + header.stringLength(TRACESTATE)) : '',
    sampled: true,
    messageId: header.property('messageId'),
    correlationId: header.property('correlationId'),
    fault,
  };
}
