/** How an app uses the broker where that is mostly a mistake; telemetry/findings says when, and what to do about it. */
export const FINDING_KINDS = [
  'unlimited_prefetch',
  'connection_churn',
  'channel_churn',
  'declared_differently',
  'transient_in_durable',
  'nothing_bound',
  'no_ack',
  'polling',
] as const;

export type FindingKind = (typeof FINDING_KINDS)[number];

/** One of them was seen, once: whether that makes a finding is not for the data plane to say. */
export interface Sighting {
  kind: FindingKind;
  vhost: string;
  /** the app's name (proxy/routing/app-name.ts) */
  app: string;
  /** the queue, or exchange and routing key; '' where it is about the app as a whole */
  name: string;
  /** what was seen, in a few words */
  evidence: string;
}

/** A sighting, and how often it came since the last were told. */
export interface Seen extends Sighting {
  count: number;
}
