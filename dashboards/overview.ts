import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { choice, dashboard, faultMarks, linkTo, linkToTraces, reloadMarks, UIDS } from './shared/frame.ts';
import { heatmap, lines, row, stat, table } from './shared/panels.ts';
import { edges, serviceMap } from './shared/topology.ts';

// Every message of every sidecar, from the recorded sums (docs/alerts.md): as many series at 300 sidecars as at 3.

const CHOSEN = 'pipeline=~"$pipeline", topic=~"$topic"';
const OUTCOMES = 'topic_side:event_throughput:rate1m';
const BUCKETS = `topic_le:event_latency_seconds_bucket:rate1m{${CHOSEN}}`;

const perSecond = (side: string): string => `sum(${OUTCOMES}{side="${side}", ${CHOSEN}})`;
const quantile = (q: number, by = 'le'): string => `histogram_quantile(${q}, sum by (${by}) (${BUCKETS}))`;

/**
 * The same value, in a query that names the scraped buckets: exemplars are looked up by the names in
 * the query and recorded series have none. `@ end()` reads them once, not at every step; buckets are
 * never below 0, so that nothing is taken away.
 */
const withExemplars = (expr: string): string =>
  `${expr} unless on () (event_latency_seconds_bucket{${CHOSEN}} @ end() < 0)`;

/** Only the ten topics of each side that had most outcomes in the whole time range. */
const busiest = (expr: string): string =>
  `${expr} and on (topic, side) topk by (side) (10, sum by (topic, side) (avg_over_time(${OUTCOMES}{${CHOSEN}}[$__range] @ end())))`;

export function overview(): Dashboard {
  return dashboard(
    UIDS.overview,
    'Tracehare overview',
    'Every message that passed a Tracehare: throughput, latency, losses.',
  )
    .withVariable(choice('pipeline', 'Pipeline', 'Groups of topics.', `label_values(${OUTCOMES}, pipeline)`))
    .withVariable(
      choice('topic', 'Topic', 'Topics of the pipelines.', `label_values(${OUTCOMES}{pipeline=~"$pipeline"}, topic)`),
    )
    .link(linkTo(UIDS.topic, 'One topic', 'Where the time of one topic goes, and who takes part.'))
    .link(linkTo(UIDS.sidecars, 'Sidecars', 'The health of the sidecars themselves.'))
    .link(linkToTraces('Traces'))
    .annotation(reloadMarks('.*'))
    .annotation(faultMarks('.*'))

    .withRow(row('Now'))
    .withPanel(
      stat({
        title: 'Published',
        description: 'Publishes that reached an outcome, per second, over the last minute.',
        unit: 'mps',
        bad: 'never',
        queries: [{ expr: perSecond('publish'), legend: 'published' }],
        width: 4,
      }),
    )
    .withPanel(
      stat({
        title: 'Consumed',
        description: 'Deliveries that reached an outcome, per second, over the last minute.',
        unit: 'mps',
        bad: 'never',
        queries: [{ expr: perSecond('consume'), legend: 'consumed' }],
        width: 4,
      }),
    )
    .withPanel(
      stat({
        title: 'Latency, 95th percentile',
        description: 'From publish to first delivery, both seen by a Tracehare: 95 of 100 messages were faster.',
        unit: 's',
        bad: { warn: 1, bad: 5 },
        queries: [{ expr: quantile(0.95), legend: 'p95' }],
        width: 4,
      }),
    )
    .withPanel(
      stat({
        title: 'Worst loss rate',
        description:
          'Share of definite losses among the outcomes of the last minute, of the topic and side that lose most.',
        unit: 'percentunit',
        bad: { warn: 0.001, bad: 0.01 },
        queries: [{ expr: `max(topic_side:event_lost:ratio1m{${CHOSEN}} >= 0)`, legend: 'worst' }],
        width: 4,
      }),
    )
    .withPanel(
      stat({
        title: 'Lost in this time range',
        description:
          'Messages definitely lost. A loss that is the first of its kind on a sidecar has no value before it to compare with: it is not in here, but in event_lost_total.',
        unit: 'short',
        bad: { bad: 1 },
        queries: [{ expr: `sum(increase(event_lost_total{${CHOSEN}}[$__range]))`, legend: 'lost' }],
        width: 4,
        none: '0',
      }),
    )
    .withPanel(
      stat({
        title: 'Unknown in this time range',
        description:
          'Messages whose outcome nobody can know, such as those still unconfirmed when a connection ended. Not losses.',
        unit: 'short',
        bad: { warn: 1, bad: 1000 },
        queries: [{ expr: `sum(increase(event_unknown_total{${CHOSEN}}[$__range]))`, legend: 'unknown' }],
        width: 4,
        none: '0',
      }),
    )

    .withRow(row('Throughput'))
    .withPanel(
      lines({
        title: 'Throughput by topic and side',
        description:
          'Outcomes per second of the ten busiest topics of each side. The two sides differ by fan-out, by losses and by what waits in queues.',
        unit: 'mps',
        bad: 'never',
        queries: [{ expr: busiest(`sum by (topic, side) (${OUTCOMES}{${CHOSEN}})`), legend: '{{topic}} {{side}}' }],
        width: 12,
      }),
    )
    .withPanel(
      table({
        title: 'Top topics',
        description:
          'The twenty topics with most outcomes over the last 5 minutes. Click on one for where its time goes.',
        unit: 'mps',
        bad: 'never',
        labels: ['topic', 'pipeline'],
        link: {
          title: 'Where its time goes',
          url: `/d/${UIDS.topic}?var-topic=\${__data.fields.topic}&var-pipeline=\${__data.fields.pipeline}&var-datasource=\${datasource}&var-tracing=\${tracing}&\${__url_time_range}`,
        },
        columns: [
          { name: 'Published', unit: 'mps' },
          { name: 'Consumed', unit: 'mps' },
          { name: 'p95', unit: 's', bad: { warn: 1, bad: 5 } },
          { name: 'Lost', unit: 'percentunit', bad: { warn: 0.001, bad: 0.01 } },
          { name: 'Body bytes', unit: 'Bps' },
        ],
        queries: [
          {
            expr: top(`sum by (topic, pipeline) (topic_side:event_throughput:rate5m{side="publish", ${CHOSEN}})`),
            legend: '',
          },
          {
            expr: top(`sum by (topic, pipeline) (topic_side:event_throughput:rate5m{side="consume", ${CHOSEN}})`),
            legend: '',
          },
          {
            expr: top(
              `histogram_quantile(0.95, sum by (le, topic, pipeline) (topic_le:event_latency_seconds_bucket:rate5m{${CHOSEN}}))`,
            ),
            legend: '',
          },
          { expr: top(`max by (topic, pipeline) (topic_side:event_lost:ratio5m{${CHOSEN}})`), legend: '' },
          { expr: top(`sum by (topic, pipeline) (topic_side:event_bytes:rate5m{${CHOSEN}})`), legend: '' },
        ],
        width: 12,
      }),
    )

    .withPanel(
      serviceMap(
        {
          title: 'Who talks to whom',
          description:
            'Apps, exchanges and queues as seen in the traffic, with messages per second. Arrows end where a message was seen: what no sidecar delivers has no arrow to a queue.',
          width: 24,
          height: 10,
        },
        edges('pipeline=~"$pipeline"'),
      ),
    )

    .withRow(row('End-to-end latency'))
    .withPanel(
      lines({
        title: 'End-to-end latency',
        description:
          'From publish to first delivery, both seen by a Tracehare; redelivered and dead-lettered messages are not in it. Each dot is one traced message: its link leads to the trace.',
        unit: 's',
        bad: { warn: 1, bad: 5 },
        queries: [
          { expr: withExemplars(quantile(0.99)), legend: 'p99', exemplar: true },
          { expr: quantile(0.95), legend: 'p95' },
          { expr: quantile(0.5), legend: 'p50' },
        ],
        width: 12,
      }),
    )
    .withPanel(
      heatmap({
        title: 'End-to-end latency, distribution',
        description:
          'How many messages per second took how long: two bands are two kinds of message, which a quantile hides. Each dot is one traced message.',
        unit: 's',
        cells: 'mps',
        bad: 'never',
        queries: [{ expr: withExemplars(`sum by (le) (${BUCKETS})`), legend: '{{le}}', exemplar: true }],
        width: 12,
      }),
    )
    .withPanel(
      lines({
        title: 'Latency by topic, 95th percentile',
        description: 'From publish to first delivery: the ten slowest topics over the time range.',
        unit: 's',
        bad: { warn: 1, bad: 5 },
        queries: [
          {
            expr: `${quantile(0.95, 'le, topic')} and on (topic) topk(10, histogram_quantile(0.95, sum by (le, topic) (avg_over_time(${BUCKETS}[$__range] @ end()))))`,
            legend: '{{topic}}',
          },
        ],
        width: 12,
      }),
    )
    .withPanel(
      lines({
        title: 'Body bytes by side',
        description: 'Bytes of bodies per second, as the apps sent or got them.',
        unit: 'Bps',
        bad: 'never',
        queries: [{ expr: `sum by (side) (topic_side:event_bytes:rate5m{${CHOSEN}})`, legend: '{{side}}' }],
        width: 12,
      }),
    )

    .withRow(row('Who waits'))
    .withPanel(
      lines({
        title: 'Oldest waiting message by queue',
        description:
          'For how long the oldest message that no consumer has got yet has waited, of the ten queues that wait longest. A line that climbs by a second each second is a queue whose consumers get nothing at all.',
        unit: 's',
        bad: { warn: 60, bad: 300 },
        queries: [
          {
            expr: `event:oldest_waiting_seconds{${CHOSEN}} > 0 and on (topic, pipeline, queue) topk(10, max_over_time(event:oldest_waiting_seconds{${CHOSEN}}[$__range] @ end()))`,
            legend: '{{queue}} ({{topic}})',
          },
        ],
        width: 24,
      }),
    )

    .withRow(row('Losses'))
    .withPanel(
      lines({
        title: 'Loss rate by topic and side',
        description: 'Share of definite losses among all outcomes of the last minute; only topics that lose anything.',
        unit: 'percentunit',
        bad: { warn: 0.001, bad: 0.01 },
        queries: [
          { expr: `max by (topic, side) (topic_side:event_lost:ratio1m{${CHOSEN}}) > 0`, legend: '{{topic}} {{side}}' },
        ],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Lost by reason',
        description: 'Messages definitely lost, per minute. docs/loss.md tells what each reason means.',
        unit: 'mpm',
        bad: { bad: 1 },
        queries: [
          {
            expr: `60 * sum by (side, reason) (topic_side_reason:event_lost:rate1m{${CHOSEN}})`,
            legend: '{{reason}} ({{side}})',
          },
        ],
        width: 8,
        stacked: true,
      }),
    )
    .withPanel(
      lines({
        title: 'Unknown by reason',
        description: 'Messages whose outcome nobody can know, per minute: neither successes nor losses.',
        unit: 'mpm',
        bad: { warn: 1, bad: 1000 },
        queries: [
          {
            expr: `60 * sum by (side, reason) (topic_side_reason:event_unknown:rate5m{${CHOSEN}})`,
            legend: '{{reason}} ({{side}})',
          },
        ],
        width: 8,
        stacked: true,
      }),
    )
    .withPanel(
      lines({
        title: 'Redelivered and requeued',
        description:
          'Deliveries the broker marked as redelivered, and deliveries that went back to their queue, per minute.',
        unit: 'mpm',
        bad: { warn: 60, bad: 600 },
        queries: [
          { expr: `60 * sum(topic:event_redelivered:rate5m{${CHOSEN}})`, legend: 'redelivered' },
          {
            expr: `60 * sum by (reason) (topic_reason:event_requeued:rate5m{${CHOSEN}})`,
            legend: 'requeued: {{reason}}',
          },
        ],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Dead-lettered by queue and reason',
        description: 'Deliveries of messages that had died in another queue, per minute, by the queue they died in.',
        unit: 'mpm',
        bad: { warn: 1, bad: 60 },
        queries: [
          {
            expr: `60 * sum by (queue, reason) (topic_queue_reason:event_dead_lettered:rate5m{${CHOSEN}})`,
            legend: '{{queue}}: {{reason}}',
          },
        ],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Published and never delivered',
        description:
          'First deliveries missing over 10 minutes, of topics whose fan-out is configured: expired, purged or dropped in a queue. How far it may be off is drawn beside it; docs/loss.md has the conditions.',
        unit: 'short',
        bad: { bad: 1 },
        queries: [
          { expr: `event:undelivered:increase10m{${CHOSEN}}`, legend: '{{topic}}' },
          { expr: `event:undelivered_error:increase10m{${CHOSEN}}`, legend: '{{topic}}, at most off by' },
        ],
        width: 8,
      }),
    )
    .build();
}

/** One value a topic, of the twenty busiest. */
function top(expr: string): string {
  return `${expr} and on (topic, pipeline) topk(20, sum by (topic, pipeline) (topic_side:event_throughput:rate5m{${CHOSEN}}))`;
}
