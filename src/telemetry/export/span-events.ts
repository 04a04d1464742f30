import type { HrTime } from '@opentelemetry/api';
import { cleanAttributes } from '@opentelemetry/core';
import type { TimedEvent } from '@opentelemetry/sdk-trace';
import type { DeliveryEnded, PublishEnded } from '../../events/lifecycle.ts';
import { OWN } from './attributes.ts';
import type { SpanLimits } from './limits.ts';

/** The message came into queues, in front of the span that has this event. */
export const QUEUED = 'queued';

export const secondsInQueue = (startedAt: number, queuedAt: number): number =>
  Math.max(0, Math.round(startedAt) - queuedAt) / 1e6;

const NO_ROUTE = 312;
const NO_CONSUMERS = 313;

/** What happened to the message while its span lasted. */
export function eventsOf(event: PublishEnded | DeliveryEnded, showsQueue: boolean): TimedEvent[] {
  const start = hrTime(Math.round(event.startedAt));
  const end = hrTime(Math.round(Math.max(event.startedAt, event.endedAt)));
  const events: TimedEvent[] = [];
  // Faults strike when the message comes.
  if (event.fault !== '') {
    for (const type of event.fault.split(',')) {
      events.push({ name: 'tracehare.fault', time: start, attributes: { [OWN.faultType]: type } });
    }
  }
  if (event.type === 'publish.ended') {
    const { replyCode, replyText } = event;
    // Other reply codes are those of the close that ended the channel or connection.
    if (replyCode === NO_ROUTE || replyCode === NO_CONSUMERS) {
      const attributes = { [OWN.replyCode]: replyCode, [OWN.replyText]: replyText };
      events.push({ name: 'basic.return', time: end, attributes });
    }
    if (event.reason === 'nacked') events.push({ name: 'basic.nack', time: end });
    return events;
  }
  if (showsQueue && event.queuedAt > 0) {
    const attributes = { [OWN.queueSeconds]: secondsInQueue(event.startedAt, event.queuedAt) };
    events.push({ name: QUEUED, time: hrTime(event.queuedAt), attributes });
  }
  if (event.redelivered) events.push({ name: 'redelivered', time: start });
  if (event.deadLetterQueue !== '') {
    const { deadLetterQueue, deadLetterReason } = event;
    const attributes = { [OWN.deadLetterQueue]: deadLetterQueue, [OWN.deadLetterReason]: deadLetterReason };
    events.push({ name: 'dead-lettered', time: start, attributes });
  }
  if (event.settlement === 'nack' || event.settlement === 'reject') {
    const attributes = { [OWN.requeue]: event.outcome === 'requeued' };
    events.push({ name: `basic.${event.settlement}`, time: end, attributes });
  }
  return events;
}

export function limitEvent(event: TimedEvent, { eventAttributes, valueLength }: SpanLimits): TimedEvent {
  const limits = { attributeCountLimit: eventAttributes, attributeValueLengthLimit: valueLength };
  return { ...event, ...cleanAttributes(event.attributes, limits) };
}

/** Microseconds as the SDK's pair of seconds and nanoseconds. */
export function hrTime(microseconds: number): HrTime {
  const seconds = Math.floor(microseconds / 1e6);
  return [seconds, (microseconds - seconds * 1e6) * 1000];
}
