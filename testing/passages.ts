import type { EventListener } from '../src/events/bus.ts';
import type { DeliveryEnded, LifecycleEvent, PublishEnded } from '../src/events/lifecycle.ts';
import {
  CONFIRMED,
  eventOf,
  HAS_PARENT,
  HAS_SPAN,
  LOST,
  type More,
  type Names,
  NOTHING_MORE,
  type Passage,
  REDELIVERED,
  SAMPLED,
  TRACED,
} from '../src/events/passage.ts';

type Ended = PublishEnded | DeliveryEnded;

const known = new Map<string, Names>();

/** The same object for the same names, as the data plane has it. */
function namesOf(event: Ended): Names {
  const { connection, channel, exchange, routingKey, topic, pipeline } = event;
  const own =
    event.type === 'publish.ended'
      ? { via: 'publish' as const, queue: '', consumerTag: '' }
      : { via: event.via, queue: event.queue, consumerTag: event.consumerTag };
  const names = { connection, channel, exchange, routingKey, topic, pipeline, ...own };
  const key = JSON.stringify(names);
  const made = known.get(key) ?? { number: known.size, ...names };
  known.set(key, made);
  return made;
}

/** Words of so many hex digits, zeros where there are none. */
export const wordsOf = (hex: string, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Number.parseInt(hex.slice(i * 8, i * 8 + 8) || '0', 16));

/** The passage of which `eventOf` would make this event. */
export function passageOf(event: Ended): Passage {
  const { traceId, spanId, parentSpanId, startedAt, endedAt, bodySize, outcome, reason } = event;
  const { traceState, messageId, correlationId, fault } = event;
  const isPublish = event.type === 'publish.ended';
  const bits = {
    [HAS_SPAN]: spanId !== '',
    [CONFIRMED]: isPublish && event.confirmed,
    [REDELIVERED]: !isPublish && event.redelivered,
    [LOST]: !isPublish && event.lost,
    [HAS_PARENT]: parentSpanId !== '',
    [TRACED]: traceId !== '',
    [SAMPLED]: event.sampled,
  };
  const own = isPublish
    ? {
        replyCode: event.replyCode,
        replyText: event.replyText,
        cause: event.cause,
        causeTraceId: event.causeTraceId,
        causeSpanId: event.causeSpanId,
        isCauseParent: event.isCauseParent,
      }
    : {
        deadLetterQueue: event.deadLetterQueue,
        deadLetterReason: event.deadLetterReason,
        delayPlanned: event.delayPlanned,
        delayActual: event.delayActual,
        attempt: event.attempt,
        isContinued: event.isContinued,
        firstPublished: event.firstPublished,
        // of a first delivery its latency says the same
        queuedAt: event.queuedAt === Math.round(startedAt - event.latency * 1e6) ? 0 : event.queuedAt,
      };
  const { headers, baggage } = event;
  const more: More = { ...NOTHING_MORE, traceState, messageId, correlationId, fault, headers, baggage, ...own };
  return {
    names: namesOf(event),
    bits: Object.entries(bits).reduce((all, [bit, is]) => (is ? all | Number(bit) : all), 0),
    // where in the words they start must not matter
    ids: Uint32Array.from([7, ...wordsOf(traceId, 4), ...wordsOf(spanId, 2), ...wordsOf(parentSpanId, 2)]),
    idsAt: 1,
    ...{ startedAt, endedAt, bodySize, outcome, reason },
    number: isPublish ? event.sequence : event.deliveryTag,
    latency: isPublish ? Number.NaN : event.latency,
    settlement: isPublish ? '' : event.settlement,
    more: JSON.stringify(more) === JSON.stringify(NOTHING_MORE) ? NOTHING_MORE : more,
  };
}

/** Tells the event in the way its kind is told. */
export function tell(listener: EventListener, event: LifecycleEvent): void {
  if (event.type === 'publish.ended' || event.type === 'delivery.ended') listener.passage(passageOf(event));
  else listener.event(event);
}

/** Who hears all as events. */
export const hearing = (each: (event: LifecycleEvent) => void): EventListener => ({
  event: each,
  passage: (passage) => each(eventOf(passage)),
});
