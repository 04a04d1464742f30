import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { choice, dashboard, faultMarks, linkTo, linkToTraces, reloadMarks, UIDS } from './shared/frame.ts';
import { lines, row, stat, table } from './shared/panels.ts';

// The sidecars themselves. At 300 of them: sums and quantiles over all, and by name the ten that stand out.

const CHOSEN = 'job=~"$job", instance=~"$instance"';

const rate = (metric: string, labels = ''): string => `rate(${metric}{${labels}${CHOSEN}}[$__rate_interval])`;
const perMinute = (metric: string, by = ''): string => `60 * sum ${by}(${rate(metric)})`;
const worst = (expr: string): string => `topk(10, ${expr})`;
const ours = (metric: string): string => `${metric}{${CHOSEN}} and on (job, instance) tracehare_build_info`;

const ADDED = { warn: 0.002, bad: 0.02 };
const LOOP = { warn: 0.1, bad: 0.5 };

export function sidecars(): Dashboard {
  return dashboard(UIDS.sidecars, 'Tracehare sidecars', 'The sidecars themselves: what they cost, and what they miss.')
    .withVariable(choice('job', 'Job', 'Scrape jobs that have sidecars.', 'label_values(tracehare_build_info, job)'))
    .withVariable(
      choice(
        'pipeline',
        'Pipeline',
        'Groups of topics.',
        'label_values(instance_pipeline:event_throughput:group{job=~"$job"}, pipeline)',
      ),
    )
    .withVariable(
      choice(
        'instance',
        'Sidecar',
        'Sidecars that have seen messages of the pipelines.',
        'label_values(instance_pipeline:event_throughput:group{job=~"$job", pipeline=~"$pipeline"}, instance)',
      ),
    )
    .link(linkTo(UIDS.overview, 'Overview', 'All topics.'))
    .link(linkTo(UIDS.topic, 'One topic', 'Where the time of one topic goes, and who takes part.'))
    .link(linkToTraces('Traces'))
    .annotation(reloadMarks('$instance'))
    .annotation(faultMarks('$instance'))

    .withRow(row('Now'))
    .withPanel(
      stat({
        title: 'Sidecars',
        description: 'Sidecars that Prometheus scrapes.',
        unit: 'short',
        bad: 'never',
        queries: [{ expr: `count(tracehare_build_info{${CHOSEN}})`, legend: 'sidecars' }],
        width: 4,
      }),
    )
    .withPanel(
      stat({
        title: 'Without a broker',
        description: 'Sidecars whose last dial reached no upstream.',
        unit: 'short',
        bad: { bad: 1 },
        queries: [
          { expr: `count(instance:tracehare_upstream_up:max{${CHOSEN}} == 0) or vector(0)`, legend: 'without' },
        ],
        width: 4,
      }),
    )
    .withPanel(
      stat({
        title: 'In bypass',
        description: 'Sidecars that make every new connection a plain pipe: nothing of those is traced or counted.',
        unit: 'short',
        bad: { bad: 1 },
        queries: [{ expr: `sum(tracehare_bypass{${CHOSEN}})`, legend: 'in bypass' }],
        width: 4,
      }),
    )
    .withPanel(
      stat({
        title: 'Connections',
        description: 'Connections of apps that are open.',
        unit: 'short',
        bad: 'never',
        queries: [{ expr: `sum(tracehare_connections{${CHOSEN}})`, legend: 'connections' }],
        width: 4,
      }),
    )
    .withPanel(
      stat({
        title: 'Added latency, 99th percentile',
        description:
          'From a chunk read to the chunk handed to the kernel, over all sidecars and both directions, over 5 minutes.',
        unit: 's',
        bad: ADDED,
        queries: [
          {
            expr: 'histogram_quantile(0.99, sum by (le) (direction_le:tracehare_added_latency_seconds_bucket:rate5m))',
            legend: 'p99',
          },
        ],
        width: 4,
      }),
    )
    .withPanel(
      stat({
        title: 'Spans dropped',
        description: 'Share of the spans of this time range that were dropped instead of exported.',
        unit: 'percentunit',
        bad: { warn: 0.001, bad: 0.05 },
        queries: [
          {
            expr: `sum(increase(tracehare_spans_dropped_total{${CHOSEN}}[$__range])) / sum(increase(tracehare_spans_dropped_total{${CHOSEN}}[$__range]) + increase(tracehare_spans_exported_total{${CHOSEN}}[$__range]))`,
            legend: 'dropped',
          },
        ],
        width: 4,
        none: 'no spans',
      }),
    )

    .withRow(row('What they cost'))
    .withPanel(
      lines({
        title: 'Added latency by direction',
        description:
          'From a chunk read to the chunk handed to the kernel, by the side it went to. Several frames of one chunk count once.',
        unit: 's',
        bad: ADDED,
        queries: [0.5, 0.99].map((q) => ({
          expr: `histogram_quantile(${q}, sum by (le, direction) (${rate('tracehare_added_latency_seconds_bucket')}))`,
          legend: `p${q * 100} {{direction}}`,
        })),
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Added latency, slowest sidecars',
        description: 'Mean time from a chunk read to the chunk handed to the kernel, of the ten slowest sidecars.',
        unit: 's',
        bad: ADDED,
        queries: [
          {
            expr: worst(
              `sum by (instance) (${rate('tracehare_added_latency_seconds_sum')}) / sum by (instance) (${rate('tracehare_added_latency_seconds_count')})`,
            ),
            legend: '{{instance}}',
          },
        ],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Bytes passed on',
        description: 'Bytes per second by the side they went to.',
        unit: 'Bps',
        bad: 'never',
        queries: [{ expr: `sum by (direction) (${rate('tracehare_relay_bytes_total')})`, legend: '{{direction}}' }],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'CPU, busiest sidecars',
        description: 'Processors used by the ten busiest sidecars, all threads together: 1 is one processor.',
        unit: 'short',
        bad: { warn: 0.8, bad: 2 },
        queries: [
          {
            expr: worst(
              `rate(process_cpu_seconds_total{${CHOSEN}}[$__rate_interval]) and on (job, instance) tracehare_build_info`,
            ),
            legend: '{{instance}}',
          },
        ],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Memory, largest sidecars',
        description: 'Resident memory of the ten largest sidecars.',
        unit: 'bytes',
        bad: { warn: 268435456, bad: 536870912 },
        queries: [{ expr: worst(ours('process_resident_memory_bytes')), legend: '{{instance}}' }],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'JavaScript heap, all sidecars',
        description: 'Heap of the main threads, used and reserved, and what buffers hold outside of it.',
        unit: 'bytes',
        bad: 'never',
        queries: [
          { expr: `sum(${ours('nodejs_heap_size_used_bytes')})`, legend: 'used' },
          { expr: `sum(${ours('nodejs_heap_size_total_bytes')})`, legend: 'reserved' },
          { expr: `sum(${ours('nodejs_external_memory_bytes')})`, legend: 'external' },
        ],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Event loop, slowest sidecars',
        description:
          'Lag of the main thread’s event loop, 99th percentile since the last scrape, of the ten slowest: metrics and spans wait that long. Traffic runs on threads of its own.',
        unit: 's',
        bad: LOOP,
        queries: [{ expr: worst(ours('nodejs_eventloop_lag_p99_seconds')), legend: '{{instance}}' }],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Garbage collection',
        description: 'Share of time that main threads spend collecting garbage, by kind, on average.',
        unit: 'percentunit',
        bad: { warn: 0.05, bad: 0.2 },
        queries: [
          {
            expr: `avg by (kind) (rate(nodejs_gc_duration_seconds_sum{${CHOSEN}}[$__rate_interval]) and on (job, instance) tracehare_build_info)`,
            legend: '{{kind}}',
          },
        ],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Open file descriptors, most',
        description:
          'Of the ten sidecars that have most open: two sockets for each connection, and a few more. The limit is drawn beside.',
        unit: 'short',
        bad: 'never',
        queries: [
          { expr: worst(ours('process_open_fds')), legend: '{{instance}}' },
          { expr: `min(${ours('process_max_fds')})`, legend: 'lowest limit' },
        ],
        width: 8,
      }),
    )

    .withRow(row('Connections'))
    .withPanel(
      lines({
        title: 'Connections and channels',
        description: 'Open now, over all sidecars.',
        unit: 'short',
        bad: 'never',
        queries: [
          { expr: `sum(tracehare_connections{${CHOSEN}})`, legend: 'connections' },
          { expr: `sum(tracehare_channels{${CHOSEN}})`, legend: 'channels' },
        ],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Connections closed',
        description: 'Per minute, by who ended them and the AMQP reply code; 0 is an end without one.',
        unit: 'cpm',
        bad: 'never',
        queries: [
          { expr: perMinute('tracehare_connections_closed_total', 'by (by, code) '), legend: '{{by}} {{code}}' },
        ],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Blocked by the broker',
        description:
          'Connections that the broker has blocked (connection.blocked), on average over the interval, of the ten worst sidecars: publishers stand still.',
        unit: 'short',
        bad: { warn: 0.1, bad: 1 },
        queries: [
          { expr: worst(`sum by (instance) (${rate('tracehare_blocked_seconds_total')})`), legend: '{{instance}}' },
        ],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Bypassed and refused connections',
        description:
          'Per minute: connections that became a plain pipe, and connections of apps that were refused, by reason.',
        unit: 'cpm',
        bad: { bad: 1 },
        queries: [
          { expr: perMinute('tracehare_bypassed_connections_total', 'by (reason) '), legend: 'bypassed: {{reason}}' },
          { expr: perMinute('tracehare_connections_refused_total', 'by (reason) '), legend: 'refused: {{reason}}' },
        ],
        width: 12,
      }),
    )
    .withPanel(
      lines({
        title: 'Upstreams',
        description: 'Sidecars whose last dial of an upstream succeeded, and failed.',
        unit: 'short',
        bad: 'never',
        queries: [
          { expr: `sum by (upstream) (tracehare_upstream_up{${CHOSEN}})`, legend: '{{upstream}} reached' },
          { expr: `count by (upstream) (tracehare_upstream_up{${CHOSEN}} == 0)`, legend: '{{upstream}} not reached' },
        ],
        width: 12,
      }),
    )

    .withRow(row('What they miss'))
    .withPanel(
      lines({
        title: 'Telemetry dropped',
        description:
          'Per minute: spans and events that were dropped because nobody took them in time, and series that had no room. No count depends on spans and events.',
        unit: 'cpm',
        bad: { bad: 1 },
        queries: [
          { expr: perMinute('tracehare_spans_dropped_total'), legend: 'spans' },
          { expr: perMinute('tracehare_events_dropped_total'), legend: 'events' },
          { expr: perMinute('tracehare_series_dropped_total'), legend: 'series' },
          { expr: perMinute('tracehare_observer_failures_total'), legend: 'observer failures' },
        ],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Passed on without being observed',
        description: 'Per minute, by reason: not read, or without headers added to it. The traffic went on.',
        unit: 'cpm',
        bad: { warn: 1, bad: 1000 },
        queries: [{ expr: perMinute('tracehare_unobserved_total', 'by (reason) '), legend: '{{reason}}' }],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Limits that bit',
        description:
          'Per minute: traces left unsampled, losses without a span, and label values put under __overflow__. docs/operations.md has the limits.',
        unit: 'cpm',
        bad: { warn: 1, bad: 100000 },
        queries: [
          { expr: perMinute('tracehare_traces_limited_total'), legend: 'tracing.maxTracesPerSecond' },
          { expr: perMinute('tracehare_loss_spans_limited_total'), legend: 'tracing.maxLossSpansPerSecond' },
          {
            expr: perMinute('tracehare_label_values_folded_total', 'by (label) '),
            legend: 'metrics.maxTopics: {{label}}',
          },
        ],
        width: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Rate limits by topic',
        description:
          'Connections not read because their messages came faster than a rule allows, on average over the interval, of the ten topics held back most: those apps are slowed down.',
        unit: 'short',
        bad: { warn: 0.1, bad: 1 },
        queries: [
          {
            expr: worst(`sum by (topic, side) (${rate('tracehare_rate_limited_seconds_total')})`),
            legend: '{{topic}} {{side}}',
          },
        ],
        width: 5,
      }),
    )
    .withPanel(
      lines({
        title: 'Spans exported',
        description: 'Spans per second that the endpoint accepted.',
        unit: 'eps',
        bad: 'never',
        queries: [{ expr: `sum(${rate('tracehare_spans_exported_total')})`, legend: 'exported' }],
        width: 5,
      }),
    )
    .withPanel(
      lines({
        title: 'Clocks',
        description:
          'Per minute: deliveries stamped later than now (two hosts’ clocks disagree), and steps of the wall clock that were followed.',
        unit: 'cpm',
        bad: { warn: 1, bad: 60 },
        queries: [
          { expr: perMinute('tracehare_negative_latency_total'), legend: 'negative latency' },
          { expr: perMinute('tracehare_implausible_stamps_total'), legend: 'implausible stamps' },
          { expr: perMinute('tracehare_clock_reanchored_total'), legend: 'clock steps' },
        ],
        width: 5,
      }),
    )
    .withPanel(
      lines({
        title: 'Clocks apart',
        description:
          'By how much the worst delivery of a minute was stamped later than now: at least so far do two hosts’ clocks disagree.',
        unit: 's',
        bad: { warn: 0.001, bad: 1 },
        queries: [{ expr: `max(tracehare_negative_latency_worst_seconds{${CHOSEN}})`, legend: 'worst' }],
        width: 5,
      }),
    )
    .withPanel(
      lines({
        title: 'Shadow confirms in conflict with tx',
        description:
          'Per minute: channels closed because a client selected tx after the sidecar had selected confirms. Put it under loss.exempt.',
        unit: 'cpm',
        bad: { bad: 1 },
        queries: [{ expr: perMinute('tracehare_shadow_conflicts_total'), legend: 'conflicts' }],
        width: 4,
      }),
    )

    .withRow(row('Faults injected on purpose'))
    .withPanel(
      lines({
        title: 'Faults in force',
        description: 'Faults of rules that are in force, by type, over all sidecars; only where faults are enabled.',
        unit: 'short',
        bad: { warn: 1, bad: 1000 },
        queries: [{ expr: `sum by (type) (tracehare_faults_active{${CHOSEN}})`, legend: '{{type}}' }],
        width: 12,
      }),
    )
    .withPanel(
      lines({
        title: 'Faults injected',
        description: 'Messages, dials and connections that a fault struck, per minute, by type.',
        unit: 'cpm',
        bad: { warn: 1, bad: 100000 },
        queries: [{ expr: perMinute('tracehare_faults_injected_total', 'by (type) '), legend: '{{type}}' }],
        width: 12,
      }),
    )

    .withRow(row('Configuration'))
    .withPanel(
      stat({
        title: 'With a wrong configuration',
        description:
          'Sidecars whose newest configuration is wrong: the last good one stays in force, the log says what is wrong.',
        unit: 'short',
        bad: { bad: 1 },
        queries: [
          {
            expr: `count(tracehare_config_last_reload_successful{${CHOSEN}} == 0) or vector(0)`,
            legend: 'with a wrong configuration',
          },
        ],
        width: 4,
        height: 8,
      }),
    )
    .withPanel(
      lines({
        title: 'Configuration reloads',
        description:
          'Per minute, by result. After a failure the old configuration goes on; the log says what is wrong.',
        unit: 'cpm',
        bad: 'never',
        queries: [{ expr: perMinute('tracehare_config_reloads_total', 'by (result) '), legend: '{{result}}' }],
        width: 7,
      }),
    )
    .withPanel(
      lines({
        title: 'Configuration in force',
        description:
          'Time since the configurations that sidecars work with were read, at their start or since. Far apart: some have not got the newest.',
        unit: 's',
        bad: 'never',
        queries: [
          {
            expr: `time() - min(tracehare_config_last_reload_success_timestamp_seconds{${CHOSEN}})`,
            legend: 'oldest configuration',
          },
          {
            expr: `time() - max(tracehare_config_last_reload_success_timestamp_seconds{${CHOSEN}})`,
            legend: 'newest configuration',
          },
        ],
        width: 7,
      }),
    )
    .withPanel(
      table({
        title: 'Versions',
        description: 'Sidecars by version of Tracehare and of Node.',
        unit: 'short',
        bad: 'never',
        labels: ['version', 'node_version'],
        columns: [{ name: 'Sidecars', unit: 'short' }],
        queries: [{ expr: `count by (version, node_version) (tracehare_build_info{${CHOSEN}})`, legend: '' }],
        width: 6,
      }),
    )
    .withPanel(
      lines({
        title: 'Findings by kind',
        description:
          'Habits of apps that are mostly mistakes; /api/findings of a sidecar names app, queue, evidence and cure.',
        unit: 'short',
        bad: { warn: 1, bad: 10 },
        queries: [{ expr: `sum by (kind) (tracehare_findings{${CHOSEN}})`, legend: '{{kind}}' }],
        width: 24,
      }),
    )
    .build();
}
