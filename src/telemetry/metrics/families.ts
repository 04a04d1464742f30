import { BucketLayout } from './bucket-layout.ts';

/**
 * The cell families: what the traffic threads count, by label values. Both halves of the metrics
 * build on this table; message-metrics.ts and its neighbours say what is exposed under which name.
 *
 * A family without bounds has one cell per series. One with bounds has those of a BucketLayout.
 */
export const FAMILY_LABELS = {
  /** `operation` as OpenTelemetry names it: publish, process (delivered) or receive (got) */
  passed: ['topic', 'pipeline', 'operation'],
  bytes: ['topic', 'pipeline', 'side'],
  outcomes: ['topic', 'pipeline', 'side', 'status'],
  lost: ['topic', 'pipeline', 'side', 'reason'],
  /** losses whose publish had counted as success before: apart, because they are no outcome */
  lost_late: ['topic', 'pipeline', 'side', 'reason'],
  unknown: ['topic', 'pipeline', 'side', 'reason'],
  /** publishes that were nacked and not lost: failed outcomes without a loss */
  spared: ['topic', 'pipeline'],
  unrouted_expected: ['topic', 'pipeline'],
  /** no count: what configuration says, negative when it no longer says anything */
  fanout: ['topic', 'pipeline'],
  first: ['topic', 'pipeline'],
  stream_reads: ['topic', 'pipeline'],
  dead_lettered: ['topic', 'pipeline', 'queue', 'reason'],
  redelivered: ['topic', 'pipeline'],
  requeued: ['topic', 'pipeline', 'reason'],
  unsettled: ['topic', 'pipeline', 'queue'],
  /** no counts: when the newest publish was, and that of the newest delivery; seconds since the epoch */
  published_at: ['topic', 'pipeline', 'routing_key'],
  delivered_at: ['topic', 'pipeline', 'queue', 'routing_key'],
  /** messages that came faster than their rule's rate limit, and how long reading stopped for it */
  over_rate: ['topic', 'pipeline', 'side'],
  held_back: ['topic', 'pipeline', 'side'],
  latency: ['topic', 'pipeline'],
  confirm: ['topic', 'pipeline'],
  /** publish to outcome; `error` is the loss reason, '' on success */
  sent: ['topic', 'pipeline', 'error'],
  processing: ['topic', 'pipeline', 'queue', 'error'],
  attempts: ['topic', 'pipeline'],
  time_to_success: ['topic', 'pipeline'],
  poison: ['topic', 'pipeline', 'queue'],
  replies: ['topic', 'pipeline'],
  replies_missing: ['topic', 'pipeline'],
  replies_late: ['topic', 'pipeline'],
  prefetch_wait: ['topic', 'pipeline', 'queue'],
  handler: ['topic', 'pipeline', 'queue'],
  edge_messages: ['pipeline', 'kind', 'edge'],
  edge_lost: ['pipeline', 'kind', 'edge'],
  connections: [],
  channels: [],
  connections_closed: ['by', 'code'],
  connections_refused: ['reason'],
  bypassed: ['reason'],
  relay_bytes: ['direction'],
  added: ['direction'],
  blocked: [],
  unobserved: ['reason'],
  observer_failures: [],
  negative_latency: [],
  /** seconds, no count: the worst of the last minute */
  worst_negative_latency: [],
  implausible_stamps: ['reason'],
  clock_reanchored: [],
  shadow_conflicts: [],
  correlation_limited: ['of'],
  keep_limited: [],
  faults_injected: ['type'],
  values_folded: ['label'],
  series_dropped: [],
  /** milliseconds since the epoch when last told, negative when it was told to be down */
  upstream_up: ['upstream'],
} as const satisfies Record<string, readonly string[]>;

export type FamilyName = keyof typeof FAMILY_LABELS;

/** What shapes the cells; must be the same on every thread. Bounds are ascending, in seconds. */
export interface Shape {
  buckets: { latency: readonly number[]; confirm: readonly number[]; processing: readonly number[] };
  openTelemetryNames: boolean;
}

export type FamilyBounds = Partial<Record<FamilyName, readonly number[]>>;

/** Bounds the messaging conventions advise for both duration histograms. */
export const OTEL_BOUNDS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

/** Deliveries until success. */
export const ATTEMPT_BOUNDS: readonly number[] = [1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 50, 100];

export const ADDED_BOUNDS: readonly number[] = [
  0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1,
];

/**
 * Upper bounds of each histogram family. Processing is exposed under two names with bounds of
 * their own, so its cells carry the union: either can be projected, and a delivery is counted once.
 */
export function familyBounds({ buckets, openTelemetryNames }: Shape): FamilyBounds {
  return {
    latency: buckets.latency,
    confirm: buckets.confirm,
    sent: OTEL_BOUNDS,
    processing: openTelemetryNames ? union(buckets.processing, OTEL_BOUNDS) : buckets.processing,
    replies: buckets.latency,
    attempts: ATTEMPT_BOUNDS,
    time_to_success: buckets.latency,
    prefetch_wait: buckets.processing,
    handler: buckets.processing,
    added: ADDED_BOUNDS,
  };
}

export type FamilyLayouts = Partial<Record<FamilyName, BucketLayout>>;

/** Several families have the same bounds, and one layout then: making it takes a millisecond of the start. */
export function familyLayouts(bounds: FamilyBounds): FamilyLayouts {
  const layouts = new Map<string, BucketLayout>();
  const layoutOf = (own: readonly number[]): BucketLayout => {
    const key = own.join();
    const layout = layouts.get(key) ?? new BucketLayout(own);
    layouts.set(key, layout);
    return layout;
  };
  return Object.fromEntries(Object.entries(bounds).map(([family, own]) => [family, layoutOf(own)]));
}

/** Cells of one series. */
export function familyWidth(layouts: FamilyLayouts, family: FamilyName): number {
  return layouts[family]?.width ?? 1;
}

function union(a: readonly number[], b: readonly number[]): number[] {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}
