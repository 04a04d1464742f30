import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { choice, dashboard, faultMarks, linkTo, linkToTraces, reloadMarks, UIDS, values } from './shared/frame.ts';
import { heatmap, lines, row, stat } from './shared/panels.ts';
import { edgesOf, participants, serviceMap } from './shared/topology.ts';

// One topic, from the scraped series: few enough of one topic, and they can tell sidecars apart and carry exemplars.

const CHOSEN = 'topic="$topic", pipeline=~"$pipeline", instance=~"$instance"';

const rate = (metric: string, labels = ''): string => `rate(${metric}{${labels}${CHOSEN}}[$__rate_interval])`;
const outcomes = (labels: string): string => `sum(${rate('event_throughput_total', labels)})`;
const quantile = (q: number, metric: string, by = 'le'): string =>
  `histogram_quantile(${q}, sum by (${by}) (${rate(`${metric}_bucket`)}))`;
const mean = (metric: string): string => `(sum(${rate(`${metric}_sum`)}) / sum(${rate(`${metric}_count`)}))`;

const END_TO_END = mean('event_latency_seconds');
const CONFIRM = mean('event_confirm_seconds');
/** Of end to end, the part before the confirm: a broker may well deliver before it confirms. */
const CONFIRM_PART = `(${CONFIRM} < ${END_TO_END} or ${END_TO_END} and ${CONFIRM})`;

const AROUND = edgesOf(`\${topic:regex}`, 'pipeline=~"$pipeline", instance=~"$instance"');

const threeQuantiles = (metric: string) => [
  { expr: quantile(0.99, metric), legend: 'p99', exemplar: true as const },
  { expr: quantile(0.95, metric), legend: 'p95' },
  { expr: quantile(0.5, metric), legend: 'p50' },
];

const LATENCY = { warn: 1, bad: 5 };

export function topic(): Dashboard {
  return dashboard(UIDS.topic, 'Tracehare topic', 'One topic: where its time goes, who waits for whom, who takes part.')
    .withVariable(
      values('topic', 'Topic', 'The topic all panels show.', 'label_values(topic_side:event_throughput:rate1m, topic)'),
    )
    .withVariable(
      choice(
        'pipeline',
        'Pipeline',
        'Groups of topics that have this one.',
        'label_values(topic_side:event_throughput:rate1m{topic="$topic"}, pipeline)',
      ),
    )
    .withVariable(
      choice(
        'instance',
        'Sidecar',
        'Sidecars that see this topic.',
        'label_values(event_throughput_total{topic="$topic", pipeline=~"$pipeline"}, instance)',
      ),
    )
    .link(linkTo(UIDS.overview, 'Overview', 'All topics.'))
    .link(linkTo(UIDS.sidecars, 'Sidecars', 'The health of the sidecars themselves.'))
    .link(linkToTraces('Traces of this topic', `messaging.destination.template=\${topic}`))
    .annotation(reloadMarks('$instance'))
    .annotation(faultMarks('$instance'))

    .withRow(row('$topic now'))
    .withPanel(
      stat({
        title: 'Published',
        description: 'Publishes that reached an outcome, per second.',
        unit: 'mps',
        bad: 'never',
        queries: [{ expr: outcomes('side="publish", '), legend: 'published' }],
        width: 4,
      }),
    )
    .withPanel(
      stat({
        title: 'Consumed',
        description: 'Deliveries that reached an outcome, per second.',
        unit: 'mps',
        bad: 'never',
        queries: [{ expr: outcomes('side="consume", '), legend: 'consumed' }],
        width: 4,
      }),
    )
    .withPanel(
      stat({
        title: 'Latency, 95th percentile',
        description: 'From publish to first delivery, both seen by a Tracehare.',
        unit: 's',
        bad: LATENCY,
        queries: [{ expr: quantile(0.95, 'event_latency_seconds'), legend: 'p95' }],
        width: 4,
      }),
    )
    .withPanel(
      stat({
        title: 'Failed',
        description: 'Share of outcomes that were failures: refused, returned, or rejected by a consumer.',
        unit: 'percentunit',
        bad: { warn: 0.001, bad: 0.01 },
        queries: [{ expr: `${outcomes('status="failed", ')} / ${outcomes('')}`, legend: 'failed' }],
        width: 4,
      }),
    )
    .withPanel(
      stat({
        title: 'Unsettled deliveries',
        description: 'Deliveries that consumers have and neither acked nor rejected.',
        unit: 'short',
        bad: { warn: 1000, bad: 10000 },
        queries: [{ expr: `sum(tracehare_unsettled_deliveries{${CHOSEN}})`, legend: 'unsettled' }],
        width: 4,
        none: '0',
      }),
    )
    .withPanel(
      stat({
        title: 'Worst loss rate of a sidecar',
        description:
          'Share of definite losses among the outcomes of the last 60 s, of the sidecar and side that lose most.',
        unit: 'percentunit',
        bad: { warn: 0.001, bad: 0.01 },
        queries: [{ expr: `max(event_loss_rate{${CHOSEN}})`, legend: 'worst' }],
        width: 4,
      }),
    )

    .withRow(row('Where the time of $topic goes'))
    .withPanel(
      lines({
        title: 'From publish to settlement, mean',
        description:
          'Stacked means; quantiles would not add up. Confirm: from publish to the broker’s confirm, as far as it is part of end to end (a broker may deliver before it confirms); nothing where no confirms are used. Queue: the rest of end to end, so the way through the broker and the wait in its queue. Processing: from delivery to settlement, the wait in the client’s prefetch included; nothing under automatic acknowledgement. End to end is of first deliveries only, confirm of all publishes, processing of all deliveries: with redeliveries the sum is an approximation.',
        unit: 's',
        bad: 'never',
        queries: [
          { expr: CONFIRM_PART, legend: '1 confirm' },
          {
            expr: `${END_TO_END} - (${CONFIRM_PART} or ${END_TO_END} * 0)`,
            legend: '2 queue (end to end less confirm)',
          },
          { expr: mean('event_processing_seconds'), legend: '3 processing' },
        ],
        width: 24,
        height: 9,
        stacked: true,
      }),
    )
    .withPanel(
      lines({
        title: 'End-to-end latency',
        description: 'From publish to first delivery. Each dot is one traced message: its link leads to the trace.',
        unit: 's',
        bad: LATENCY,
        queries: threeQuantiles('event_latency_seconds'),
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Confirm',
        description:
          'From publish to the broker’s confirm, positive or negative; empty where nobody asks for confirms.',
        unit: 's',
        bad: LATENCY,
        queries: threeQuantiles('event_confirm_seconds'),
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Processing by queue, 95th percentile',
        description:
          'From delivery to settlement, the wait in the client’s prefetch included; not under automatic acknowledgement.',
        unit: 's',
        bad: LATENCY,
        queries: [
          { expr: quantile(0.95, 'event_processing_seconds', 'le, queue'), legend: '{{queue}}', exemplar: true },
        ],
        width: 8,
      }),
    )
    .withPanel(
      heatmap({
        title: 'End-to-end latency, distribution',
        description: 'How many messages per second took how long. Each dot is one traced message.',
        unit: 's',
        cells: 'mps',
        bad: 'never',
        queries: [{ expr: `sum by (le) (${rate('event_latency_seconds_bucket')})`, legend: '{{le}}', exemplar: true }],
        width: 12,
      }),
    )
    .withPanel(
      lines({
        title: 'Processing by queue, mean',
        description: 'From delivery to settlement: what each queue’s consumers take for a message.',
        unit: 's',
        bad: LATENCY,
        queries: [
          {
            expr: `sum by (queue) (${rate('event_processing_seconds_sum')}) / sum by (queue) (${rate('event_processing_seconds_count')})`,
            legend: '{{queue}}',
          },
        ],
        width: 12,
      }),
    )

    .withPanel(
      lines({
        title: 'Prefetch wait and handler by queue, mean',
        description:
          'Processing taken apart, where the order of settlements shows it (docs/operations.md): how long a delivery waits in the client’s prefetch until the app begins with it, and how long the app works on it.',
        unit: 's',
        bad: LATENCY,
        queries: [
          {
            expr: `sum by (queue) (${rate('event_prefetch_wait_seconds_sum')}) / sum by (queue) (${rate('event_prefetch_wait_seconds_count')})`,
            legend: '{{queue}}: prefetch wait',
          },
          {
            expr: `sum by (queue) (${rate('event_handler_seconds_sum')}) / sum by (queue) (${rate('event_handler_seconds_count')})`,
            legend: '{{queue}}: handler',
          },
        ],
        width: 24,
      }),
    )

    .withRow(row('Consumers of $topic'))
    .withPanel(
      lines({
        title: 'Oldest waiting message by queue',
        description:
          'For how long the oldest message that no consumer has got yet has waited. A line that climbs by a second each second is a queue whose consumers get nothing at all.',
        unit: 's',
        bad: { warn: 60, bad: 300 },
        queries: [
          {
            expr: 'max by (queue) (event:oldest_waiting_seconds{topic="$topic", pipeline=~"$pipeline"})',
            legend: '{{queue}}',
          },
        ],
        width: 12,
      }),
    )
    .withPanel(
      lines({
        title: 'Settled by queue',
        description: 'Deliveries settled per second, by the queue they came from.',
        unit: 'mps',
        bad: 'never',
        queries: [{ expr: `sum by (queue) (${rate('event_processing_seconds_count')})`, legend: '{{queue}}' }],
        width: 12,
      }),
    )
    .withPanel(
      lines({
        title: 'Unsettled deliveries by queue',
        description:
          'Deliveries that consumers have and neither acked nor rejected. A line that stays up while nothing is settled is a stuck consumer.',
        unit: 'short',
        bad: { warn: 1000, bad: 10000 },
        queries: [{ expr: `sum by (queue) (tracehare_unsettled_deliveries{${CHOSEN}})`, legend: '{{queue}}' }],
        width: 12,
      }),
    )
    .withPanel(
      lines({
        title: 'Rejected, requeued, redelivered',
        description:
          'Per minute: rejected for good (lost unless the queue dead-letters), given back to the queue by reason, and delivered again.',
        unit: 'mpm',
        bad: { warn: 60, bad: 600 },
        queries: [
          {
            expr: `60 * sum(${rate('event_throughput_total', 'side="consume", status="failed", ')})`,
            legend: 'rejected',
          },
          { expr: `60 * sum by (reason) (${rate('event_requeued_total')})`, legend: 'requeued: {{reason}}' },
          { expr: `60 * sum(${rate('event_redelivered_total')})`, legend: 'redelivered' },
        ],
        width: 12,
      }),
    )

    .withRow(row('Who publishes and who consumes $topic'))
    .withPanel(
      serviceMap(
        {
          title: 'Service map',
          description:
            'The exchange or queue called like the topic, who publishes to it, and who consumes from it or from the queues it routes to, with messages per second. Where a rule names topics otherwise, see the map of the overview.',
          width: 12,
          height: 8,
        },
        AROUND,
      ),
    )
    .withPanel(
      participants(
        {
          title: 'Publishers and consumers',
          description:
            'The same by app: what it does, where, how many messages per second, and how many are lost per minute.',
          width: 12,
          height: 8,
        },
        AROUND,
      ),
    )

    .withRow(row('Outcomes of $topic'))
    .withPanel(
      lines({
        title: 'Outcomes by side and status',
        description:
          'How the passage of messages ended, per second. Publishes that no queue took where the configuration expects that are neither successes nor failures.',
        unit: 'mps',
        bad: 'never',
        queries: [
          { expr: `sum by (side, status) (${rate('event_throughput_total')})`, legend: '{{side}} {{status}}' },
          { expr: `sum(${rate('event_unrouted_expected_total')})`, legend: 'publish unrouted, as expected' },
        ],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Lost and unknown by reason',
        description:
          'Definite losses, and outcomes nobody can know, per minute. docs/loss.md tells what each reason means.',
        unit: 'mpm',
        bad: { bad: 1 },
        queries: [
          { expr: `60 * sum by (side, reason) (${rate('event_lost_total')})`, legend: 'lost: {{reason}} ({{side}})' },
          {
            expr: `60 * sum by (side, reason) (${rate('event_unknown_total')})`,
            legend: 'unknown: {{reason}} ({{side}})',
          },
        ],
        width: 8,
        stacked: true,
      }),
    )
    .withPanel(
      lines({
        title: 'First deliveries for each publish',
        description:
          'How many queues, on average, a publish ends up delivered from; beside it what the configuration expects, where it says so.',
        unit: 'short',
        bad: 'never',
        queries: [
          {
            expr: `sum(${rate('event_first_deliveries_total')}) / sum(${rate('event_throughput_total', 'side="publish", status="success", ')})`,
            legend: 'delivered',
          },
          { expr: `max(event_fanout{${CHOSEN}})`, legend: 'configured' },
        ],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Dead-lettered, by the queue they died in',
        description: 'Deliveries of messages of this topic that had died in another queue, per minute.',
        unit: 'mpm',
        bad: { warn: 1, bad: 60 },
        queries: [
          {
            expr: `60 * sum by (queue, reason) (${rate('event_dead_lettered_total')})`,
            legend: '{{queue}}: {{reason}}',
          },
        ],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Held back by rate limits',
        description: 'Messages per second that came faster than the rateLimit of their rule.',
        unit: 'mps',
        bad: 'never',
        queries: [{ expr: `sum by (side) (${rate('tracehare_rate_limited_messages_total')})`, legend: '{{side}}' }],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Outcomes by sidecar',
        description: 'Outcomes per second of the ten sidecars that see most of this topic.',
        unit: 'mps',
        bad: 'never',
        queries: [
          {
            expr: `topk(10, sum by (instance, side) (${rate('event_throughput_total')}))`,
            legend: '{{instance}} {{side}}',
          },
        ],
        width: 8,
      }),
    )
    .build();
}
