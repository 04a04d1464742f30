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

/** What the plugin for delayed messages was asked for, ms; of version 4 on it gives that back as a negative number. */
export const delayOf = (header: ContentHeader): number => Number(valueText(header.buf, header.value(X_DELAY)));

/**
 * The delay that was asked for, if one was. A negative number from an app, who may have got it with another message, delays
 * nothing; clocks of two hosts may disagree, but not by as much as a delay.
 */
export function plannedDelay(delay: number, actual: number): number {
  if (delay > 0) return delay / 1000;
  return actual * 2000 >= -delay && delay < 0 ? -delay / 1000 : Number.NaN;
}
