/**
 * What sidecars ask each other (`own=1&parts=…`), for answers that are of several: counts, which can be added up, where
 * the answers in api.ts have rates and quantiles, which can't. Between sidecars of one version; nobody else is to rely on it.
 */

/** Observations by bucket, not cumulative: one bucket more than there are bounds. Seconds. */
export interface Histogram {
  bounds: readonly number[];
  counts: readonly number[];
}

/** Of one topic and pipeline. */
export interface TopicPart {
  topic: string;
  pipeline: string;
  /** messages in the last minute */
  published: number;
  consumed: number;
  /** messages since start */
  publishedTotal: number;
  consumedTotal: number;
  /** end to end in the last minute, by bucket of TopicsPart.bounds */
  latency: readonly number[];
  /** of the last 60 s: outcomes, and definite losses, of publishes and of deliveries */
  ended: readonly [publish: number, consume: number];
  lostLately: readonly [publish: number, consume: number];
  lost: number;
  unknown: number;
  unsettled: number;
}

export interface TopicsPart {
  at: number;
  /** when its counts begin */
  since: number;
  /** what `published`, `consumed` and `latency` are of */
  windowSeconds: number;
  bounds: readonly number[];
  topics: TopicPart[];
}

/** What a topic gained in one step: its number (times STEP_MS is its time), published, consumed, lost, latency by bucket. */
export type LinePoint = readonly [
  step: number,
  published: number,
  consumed: number,
  lost: number,
  latency: readonly number[],
];

export interface LinePart {
  topic: string;
  pipeline: string;
  /** steps in which it gained something, in their order */
  points: LinePoint[];
}

export interface LinesPart {
  at: number;
  since: number;
  bounds: readonly number[];
  lines: LinePart[];
}

export interface CountBy {
  side: 'publish' | 'consume';
  reason: string;
  count: number;
}

export interface DetailPart {
  at: number;
  since: number;
  windowSeconds: number;
  bounds: readonly number[];
  row: TopicPart;
  line: LinePart;
  confirm: Histogram;
  processing: Histogram;
  lost: CountBy[];
  unknown: CountBy[];
  requeued: { reason: string; count: number }[];
  deadLettered: { queue: string; reason: string; count: number }[];
  redelivered: number;
  bytes: { publish: number; consume: number };
  queues: { queue: string; unsettled: number; processing: Histogram }[];
}

/** Milliseconds of a step. Steps begin at multiples of it since the epoch, so that those of several sidecars are the same. */
export const STEP_MS = 10_000;
/** Steps that are kept: a quarter of an hour. */
export const STEPS = 90;

/** A short name of a topic's row; two may share one. */
export function rowKey(topic: string, pipeline: string): string {
  let h = 0x811c9dc5;
  const text = `${pipeline}\0${topic}`;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h >>> 0).toString(36);
}
