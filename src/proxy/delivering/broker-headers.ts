import type { ContentHeader } from '../../amqp/content.ts';
import { readU64 } from '../../amqp/fields.ts';
import { valueText } from '../../amqp/value-text.ts';
import { X_DELAY } from '../ports/interceptor.ts';

const DELIVERY_COUNT = Buffer.from('x-delivery-count');
/** the type octet of a 64-bit integer, l */
const LONG = 0x6c;

/** How often a quorum queue has delivered the message before; -1: it is not said, as the first time. */
export function deliveryCount(header: ContentHeader): number {
  const at = header.find(DELIVERY_COUNT);
  return at < 0 || header.buf[at] !== LONG ? -1 : readU64(header.buf, at + 1);
}

/** The plugin for delayed messages gives back as a negative number what it was asked for: ms. */
export const delayOf = (header: ContentHeader): number =>
  Math.abs(Number(valueText(header.buf, header.value(X_DELAY))));
