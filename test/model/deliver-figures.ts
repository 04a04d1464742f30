import type { DeliveryEnded } from '../../src/events/lifecycle.ts';
import { Metrics } from '../../testing/metrics.ts';
import { series, type Told } from './deliver-ledger.ts';

// What the data plane counted and told, in the words of the ledger.

/** Labels by which the ledger counts, of the families it counts; whatever else they carry is constant here. */
const FAMILIES: Record<string, readonly string[]> = {
  event_throughput_total: ['topic', 'side', 'status'],
  event_latency_seconds: ['topic'],
  event_processing_seconds: ['topic', 'queue'],
  event_lost_total: ['topic', 'side', 'reason'],
  event_unknown_total: ['topic', 'side', 'reason'],
  event_dead_lettered_total: ['topic', 'queue', 'reason'],
  event_first_deliveries_total: ['topic'],
  event_stream_reads_total: ['topic'],
  event_redelivered_total: ['topic'],
  event_requeued_total: ['topic', 'reason'],
  event_bytes_total: ['topic', 'side'],
  messaging_client_consumed_messages_total: ['messaging_destination_template', 'messaging_operation_name'],
  messaging_process_duration_seconds: ['messaging_destination_template', 'error_type'],
  tracehare_unsettled_deliveries: ['topic', 'queue'],
  tracehare_topology_messages_total: ['id'],
  tracehare_topology_lost_total: ['id'],
  tracehare_unobserved_total: ['reason'],
  tracehare_negative_latency_total: [],
  tracehare_observer_failures_total: [],
};

/** One line a series that is not 0, sorted. */
export function linesOf(counts: Iterable<[string, number]>): string[] {
  return [...counts]
    .map(([key, value]): [string, number] => [key, Math.round(value * 1e6) / 1e6])
    .filter(([, value]) => value !== 0)
    .map(([key, value]) => `${key}: ${value}`)
    .sort();
}

export function counted(text: string): string[] {
  const counts = new Map<string, number>();
  for (const { name, labels, value } of new Metrics(text).samples) {
    const [, family, part = ''] = /^(.*?)(_count|_sum|_bucket)?$/.exec(name) as RegExpExecArray;
    const kept = FAMILIES[family];
    if (kept === undefined || part === '_bucket') continue;
    const key = series(name, Object.fromEntries(kept.flatMap((key) => (key in labels ? [[key, labels[key]]] : []))));
    counts.set(key, (counts.get(key) ?? 0) + value);
  }
  return linesOf(counts);
}

/** Known of a message for sure only if it is told of as a matter of course, which unsampled ones are not. */
const UNTOLD = [
  'via',
  'consumerTag',
  'traceId',
  'parentSpanId',
  'traceState',
  'messageId',
  'correlationId',
  'deadLetterQueue',
  'deadLetterReason',
  'latency',
] as const satisfies (keyof Told)[];
const UNKNOWN: Partial<Told> = { via: 'deliver', latency: Number.NaN, redelivered: false };
/** Those that nobody acknowledges are kept in less memory until the kernel has them. */
const UNTOLD_UNFLUSHED = [...UNTOLD, 'redelivered'] as const;

const textOf = (told: Told): string => {
  const shown = Object.entries(told).filter(([, value]) => value !== '' && value !== false && !Number.isNaN(value));
  return shown
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
};

const sortedLines = (all: Told[]): string[] =>
  all
    .sort((a, b) => a.channel - b.channel || a.deliveryTag - b.deliveryTag)
    .map((told) => `${told.channel}/${told.deliveryTag} ${textOf(told)}`);

/** Recognises ids that are made up on the way: each must be new. */
export class Ids {
  readonly #seen = new Set<string>();

  fresh(id: string, digits: number): string {
    if (!new RegExp(`^(?!0*$)[0-9a-f]{${digits}}$`).test(id) || this.#seen.has(id)) return id;
    this.#seen.add(id);
    return 'fresh';
  }
}

/** Both as lines that are equal if what was told is what should be. */
export function compared(events: DeliveryEnded[], expected: Told[], start: number, ids: Ids) {
  const ms = (micros: number): number => Math.round((micros - start) / 1000);
  const told = events.map((event): Told => {
    const {
      type: _,
      connection: _c,
      pipeline: _p,
      fault: _f,
      headers: _h,
      delayPlanned: _d,
      delayActual: _a,
      attempt: _n,
      isContinued: _i,
      firstPublished: _s,
      queuedAt: _q,
      startedAt,
      endedAt,
      ...rest
    } = event;
    const own = expected.find((each) => each.channel === event.channel && each.deliveryTag === event.deliveryTag);
    const seen = { ...rest, from: ms(startedAt), to: ms(endedAt) };
    if (own?.traceId === 'fresh') seen.traceId = ids.fresh(seen.traceId, 32);
    if (own?.spanId === 'fresh') seen.spanId = ids.fresh(seen.spanId, 16);
    if (own === undefined || own.sampled) return seen;
    const perhaps = own.settlement === 'none' ? UNTOLD_UNFLUSHED : UNTOLD;
    const unknown = perhaps.filter((key) => Object.is(seen[key], UNKNOWN[key] ?? ''));
    return { ...seen, ...Object.fromEntries(unknown.map((key) => [key, own[key]])) };
  });
  return { told: sortedLines(told), expected: sortedLines(expected) };
}
