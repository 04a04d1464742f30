import type { Shape } from '../metrics/families.ts';
import { OVERFLOW } from '../metrics/label-values.ts';
import type { CellMetric } from './declaration.ts';
import type { Labels } from './groups.ts';

const TOPIC = ['topic', 'pipeline'] as const;

/** What shares its names with others can't be compared with anything. */
const isWhole = (labels: Labels): boolean => !Object.values(labels).includes(OVERFLOW);

/** Messages, under Tracehare's names. */
export function messageMetrics({ buckets }: Shape): CellMetric[] {
  return [
    {
      name: 'event_throughput_total',
      help: 'Outcomes of messages: how their passage ended, once each.',
      type: 'counter',
      labels: [...TOPIC, 'side', 'status'],
      from: [{ family: 'outcomes' }],
    },
    {
      name: 'event_latency_seconds',
      help: 'End to end: publish seen by a Tracehare to first delivery by a Tracehare; from a stream, of what is read as it comes.',
      type: 'histogram',
      labels: TOPIC,
      bounds: buckets.latency,
      from: [{ family: 'latency' }],
    },
    {
      name: 'event_lost_total',
      help: 'Messages definitely lost, by reason.',
      type: 'counter',
      labels: [...TOPIC, 'side', 'reason'],
      from: [{ family: 'lost' }, { family: 'lost_late' }],
    },
    {
      name: 'event_unknown_total',
      help: 'Messages whose outcome cannot be known, by reason; neither successes nor failures.',
      type: 'counter',
      labels: [...TOPIC, 'side', 'reason'],
      from: [{ family: 'unknown' }],
    },
    {
      name: 'event_unrouted_expected_total',
      help: 'Publishes no queue took, where configuration expects that (unroutable: expected); no outcome and no loss.',
      type: 'counter',
      labels: TOPIC,
      from: [{ family: 'unrouted_expected' }],
    },
    {
      name: 'event_first_deliveries_total',
      help: 'First deliveries of messages that a Tracehare saw published: not redelivered, not dead-lettered since, not from a stream.',
      type: 'counter',
      labels: TOPIC,
      from: [{ family: 'first' }],
    },
    {
      name: 'event_stream_reads_total',
      help: 'Deliveries out of streams, which keep their messages: the first and all others, none of them a first delivery.',
      type: 'counter',
      labels: TOPIC,
      from: [{ family: 'stream_reads' }],
    },
    {
      name: 'event_fanout',
      help: 'First deliveries each publish should lead to, as configured; absent where it is not.',
      type: 'gauge',
      labels: TOPIC,
      show: 'greatest',
      from: [{ family: 'fanout' }],
    },
    {
      name: 'event_published_timestamp_seconds',
      help: 'When the newest message that was seen published was; seconds since the epoch.',
      type: 'gauge',
      labels: [...TOPIC, 'routing_key'],
      show: 'greatest',
      from: [{ family: 'published_at', only: isWhole }],
    },
    {
      name: 'event_delivered_timestamp_seconds',
      help: 'When the newest message that was seen delivered was published; before the oldest of what a consumer left unsettled, until that comes again.',
      type: 'gauge',
      labels: [...TOPIC, 'queue', 'routing_key'],
      show: 'greatest',
      from: [{ family: 'delivered_at', only: isWhole }],
    },
    {
      name: 'event_dead_lettered_total',
      help: 'Deliveries of messages that were dead-lettered since their publish, by the queue and reason of their newest x-death entry.',
      type: 'counter',
      labels: [...TOPIC, 'queue', 'reason'],
      from: [{ family: 'dead_lettered' }],
    },
    {
      name: 'event_confirm_seconds',
      help: "Publish to the broker's confirm, positive or negative.",
      type: 'histogram',
      labels: TOPIC,
      bounds: buckets.confirm,
      from: [{ family: 'confirm' }],
    },
    {
      name: 'event_processing_seconds',
      help: "Delivery to settlement, the wait in the client's prefetch included; not under automatic acknowledgement.",
      type: 'histogram',
      labels: [...TOPIC, 'queue'],
      bounds: buckets.processing,
      from: [{ family: 'processing', labels: ({ error: _, ...labels }) => labels }],
    },
    {
      name: 'event_prefetch_wait_seconds',
      help: "Delivery until the app begins to work on it: the part of event_processing_seconds that a message waits in the client's prefetch, where that is known.",
      type: 'histogram',
      labels: [...TOPIC, 'queue'],
      bounds: buckets.processing,
      from: [{ family: 'prefetch_wait' }],
    },
    {
      name: 'event_handler_seconds',
      help: 'The rest of event_processing_seconds, where that is known: how long the app works on a message.',
      type: 'histogram',
      labels: [...TOPIC, 'queue'],
      bounds: buckets.processing,
      from: [{ family: 'handler' }],
    },
    {
      name: 'event_redelivered_total',
      help: 'Deliveries the broker marked as redelivered.',
      type: 'counter',
      labels: TOPIC,
      from: [{ family: 'redelivered' }],
    },
    {
      name: 'event_requeued_total',
      help: 'Deliveries that went back to their queue, by reason; no outcome.',
      type: 'counter',
      labels: [...TOPIC, 'reason'],
      from: [{ family: 'requeued' }],
    },
    {
      name: 'event_bytes_total',
      help: 'Body bytes as the app sent or got them.',
      type: 'counter',
      labels: [...TOPIC, 'side'],
      from: [{ family: 'bytes' }],
    },
  ];
}
