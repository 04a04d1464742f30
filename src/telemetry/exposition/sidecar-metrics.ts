import { ADDED_BOUNDS, type FamilyName } from '../metrics/families.ts';
import type { CellMetric, Declaration } from './declaration.ts';

function counter(name: string, help: string, family: FamilyName, ...labels: string[]): CellMetric {
  return { name, help, type: 'counter', labels, from: [{ family }] };
}

function gauge(name: string, help: string, family: FamilyName, ...labels: string[]): CellMetric {
  return { name, help, type: 'gauge', labels, from: [{ family }] };
}

/** The sidecar itself, as the traffic threads counted it. */
export const SIDECAR_METRICS: readonly CellMetric[] = [
  {
    ...gauge('tracehare_upstream_up', 'Whether the last dial of the upstream succeeded.', 'upstream_up', 'upstream'),
    show: 'latest',
  },
  gauge('tracehare_connections', "Apps' connections open now.", 'connections'),
  gauge('tracehare_channels', 'Channels open now.', 'channels'),
  gauge(
    'tracehare_unsettled_deliveries',
    'Deliveries awaiting settlement now.',
    'unsettled',
    'topic',
    'pipeline',
    'queue',
  ),
  counter(
    'tracehare_rate_limited_messages_total',
    'Messages that came faster than the rateLimit of their rule.',
    'over_rate',
    'topic',
    'pipeline',
    'side',
  ),
  counter(
    'tracehare_rate_limited_seconds_total',
    'Time connections were not read behind such messages, added up.',
    'held_back',
    'topic',
    'pipeline',
    'side',
  ),
  counter(
    'tracehare_connections_closed_total',
    'Connections ended, by who ended them and the AMQP reply code (0: none).',
    'connections_closed',
    'by',
    'code',
  ),
  counter(
    'tracehare_connections_refused_total',
    'Connections of apps that were refused.',
    'connections_refused',
    'reason',
  ),
  counter('tracehare_bypassed_connections_total', 'Connections that became a plain pipe.', 'bypassed', 'reason'),
  counter('tracehare_relay_bytes_total', 'Bytes passed on, by the side they went to.', 'relay_bytes', 'direction'),
  {
    name: 'tracehare_added_latency_seconds',
    help: 'Chunk read to chunk handed to the kernel, by the side it went to.',
    type: 'histogram',
    labels: ['direction'],
    bounds: ADDED_BOUNDS,
    from: [{ family: 'added' }],
  },
  counter(
    'tracehare_blocked_seconds_total',
    'Time connections spent blocked by the broker (connection.blocked), added up.',
    'blocked',
  ),
  counter(
    'tracehare_unobserved_total',
    'Passed on without being read, or without headers added to it.',
    'unobserved',
    'reason',
  ),
  counter(
    'tracehare_observer_failures_total',
    'Exceptions in observers or interceptors; the traffic went on.',
    'observer_failures',
  ),
  counter(
    'tracehare_negative_latency_total',
    'First deliveries stamped later than now: not in event_latency_seconds.',
    'negative_latency',
  ),
  {
    ...gauge(
      'tracehare_negative_latency_worst_seconds',
      'By how much the worst first delivery of the last minute was stamped later than now; 0: none was.',
      'worst_negative_latency',
    ),
    show: 'greatest',
  },
  counter(
    'tracehare_implausible_stamps_total',
    'First deliveries without latency: stamped over 30 days ago, over an hour ahead, or unreadably.',
    'implausible_stamps',
    'reason',
  ),
  counter(
    'tracehare_shadow_conflicts_total',
    'Times a client selected tx after our confirm.select and its channel was closed: no client like it gets one again.',
    'shadow_conflicts',
  ),
  counter(
    'tracehare_correlation_limited_total',
    'Times there was too much to tell how messages belong together: questions and requests forgotten before their answer, causes not found among what is open.',
    'correlation_limited',
    'of',
  ),
  counter(
    'tracehare_keep_limited_total',
    'Unsampled messages that were slow or came again and again, and got no trace because of tracing.keep.maxPerSecond.',
    'keep_limited',
  ),
  counter('tracehare_clock_reanchored_total', 'Steps of the wall clock that were followed.', 'clock_reanchored'),
  counter(
    'tracehare_faults_injected_total',
    'Times a fault of a rule struck: a message, a dial, or a connection.',
    'faults_injected',
    'type',
  ),
  counter(
    'tracehare_label_values_folded_total',
    'Times a name was put under __overflow__ because its label, or the combination of all, had no place left.',
    'values_folded',
    'label',
  ),
  counter(
    'tracehare_series_dropped_total',
    'Series not counted because the cells of a traffic thread were used up.',
    'series_dropped',
  ),
];

/** Measured on the main thread by the exposition itself. */
export const LOSS_RATE: Declaration = {
  name: 'event_loss_rate',
  help: "Share of the last 60 seconds' outcomes that were definite losses, 0.0 to 1.0; absent without outcomes.",
  type: 'gauge',
  labels: ['topic', 'pipeline', 'side'],
};

export const BUILD_INFO: Declaration = {
  name: 'tracehare_build_info',
  help: 'Always 1.',
  type: 'gauge',
  labels: ['version', 'node_version'],
};

/** Known elsewhere on the main thread: the composition root registers who knows the values. */
export const REGISTERED = {
  spansExported: {
    name: 'tracehare_spans_exported_total',
    help: 'Spans the endpoint accepted.',
    type: 'counter',
    labels: [],
  },
  spansDropped: {
    name: 'tracehare_spans_dropped_total',
    help: 'Spans lost because the queue was full, the export failed or the process ended.',
    type: 'counter',
    labels: [],
  },
  tracesLimited: {
    name: 'tracehare_traces_limited_total',
    help: 'New traces left unsampled because of tracing.maxTracesPerSecond.',
    type: 'counter',
    labels: [],
  },
  lossSpansLimited: {
    name: 'tracehare_loss_spans_limited_total',
    help: 'Unsampled lost messages without a span because of tracing.maxLossSpansPerSecond.',
    type: 'counter',
    labels: [],
  },
  keptSpansLimited: {
    name: 'tracehare_kept_spans_limited_total',
    help: 'Unsampled deliveries that failed and got no trace because of tracing.keep.maxPerSecond.',
    type: 'counter',
    labels: [],
  },
  metricExports: {
    name: 'tracehare_metric_exports_total',
    help: 'Exports of all metrics over OTLP or to the console, by result (success, failure).',
    type: 'counter',
    labels: ['result'],
  },
  logRecordsExported: {
    name: 'tracehare_log_records_exported_total',
    help: 'Log records the endpoint accepted.',
    type: 'counter',
    labels: [],
  },
  logRecordsDropped: {
    name: 'tracehare_log_records_dropped_total',
    help: 'Log records lost because the queue was full, the export failed or the process ended.',
    type: 'counter',
    labels: [],
  },
  bypass: {
    name: 'tracehare_bypass',
    help: '1 while every new connection is a plain pipe.',
    type: 'gauge',
    labels: [],
  },
  eventsDropped: {
    name: 'tracehare_events_dropped_total',
    help: 'Lifecycle events dropped because nobody took them in time; no count depends on them.',
    type: 'counter',
    labels: [],
  },
  faultsActive: {
    name: 'tracehare_faults_active',
    help: 'Faults of the rules that are in force now, by type; only with faults.enabled.',
    type: 'gauge',
    labels: ['type'],
  },
  adminChanges: {
    name: 'tracehare_admin_changes_total',
    help: 'What was changed through the admin server: fault_added, fault_ended, bypass_on, bypass_off.',
    type: 'counter',
    labels: ['change'],
  },
  certificateEnds: {
    name: 'tracehare_certificate_expiry_timestamp_seconds',
    help: 'When a certificate ends: one of the configuration, or the one a broker showed last (upstream); seconds since the epoch.',
    type: 'gauge',
    labels: ['certificate', 'upstream'],
  },
  pluginErrors: {
    name: 'tracehare_plugin_errors_total',
    help: 'Calls of a plugin that threw, returned a promise or no valid decision; the message passed as without it.',
    type: 'counter',
    labels: ['plugin', 'hook'],
  },
  pluginOverBudget: {
    name: 'tracehare_plugin_over_budget_total',
    help: 'Calls of a plugin that took longer than its budget.',
    type: 'counter',
    labels: ['plugin', 'hook'],
  },
  pluginCounts: {
    name: 'tracehare_plugin_count_total',
    help: 'What a plugin counts itself, by the names it exports as counters.',
    type: 'counter',
    labels: ['plugin', 'counter'],
  },
  configReloads: {
    name: 'tracehare_config_reloads_total',
    help: 'Reloads of the configuration, by result (success, failure).',
    type: 'counter',
    labels: ['result'],
  },
  configReloadSucceeded: {
    name: 'tracehare_config_last_reload_successful',
    help: '1 if the configuration was valid when it was last read; 0: the last good one is in force.',
    type: 'gauge',
    labels: [],
  },
  configReloadSucceededAt: {
    name: 'tracehare_config_last_reload_success_timestamp_seconds',
    help: 'When a configuration was last put in force, the start included; seconds since the epoch.',
    type: 'gauge',
    labels: [],
  },
} as const satisfies Record<string, Declaration>;
