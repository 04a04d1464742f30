import type {
  ConnectionsQuery,
  EventsQuery,
  FindingsQuery,
  LossQuery,
  TopicQuery,
  TopicSort,
  TopicsQuery,
  TopologyQuery,
  TraceOutcome,
  TracesQuery,
} from '../api.ts';
import { anyText, oneOf, parameters, QueryError, type Readers, seconds, time, whole } from './parameters.ts';

// What may be asked of each path under /api. All throw QueryError.

const SORTS: readonly TopicSort[] = [
  'topic',
  'published',
  'consumed',
  'p50',
  'p95',
  'p99',
  'lossRate',
  'lost',
  'unknown',
  'unsettled',
];
const OUTCOMES: readonly TraceOutcome[] = ['lost', 'failed', 'unknown', 'requeued', 'success'];
const EVENTS = ['state', 'topics', 'messages'] as const;
export type EventKind = (typeof EVENTS)[number];

const MOST_TOPICS = 500;

const topicRows: Readers<TopicsQuery> = {
  sort: oneOf('sort', [...SORTS, ...SORTS.map((sort) => `-${sort}` as const)]),
  search: anyText,
  limit: whole('limit', 1, MOST_TOPICS),
  offset: whole('offset', 0, 1_000_000),
};

export function topicsQuery(query: URLSearchParams): Required<TopicsQuery> {
  return { sort: 'topic', search: '', limit: 50, offset: 0, ...parameters(query, topicRows) };
}

export function topicQuery(query: URLSearchParams): TopicQuery {
  const { topic, ...rest } = parameters<TopicQuery>(query, { topic: anyText, pipeline: anyText });
  if (topic === undefined) throw new QueryError('topic: is missing');
  return { topic, ...rest };
}

export function tracesQuery(query: URLSearchParams): TracesQuery & { limit: number; sort: 'newest' | 'slowest' } {
  const read = parameters<TracesQuery>(query, {
    topic: anyText,
    pipeline: anyText,
    outcome: oneOf('outcome', OUTCOMES),
    least: seconds('least'),
    sort: oneOf('sort', ['newest', 'slowest']),
    limit: whole('limit', 1, 500),
  });
  return { limit: 50, sort: 'newest', ...read };
}

export function connectionsQuery(query: URLSearchParams): Required<ConnectionsQuery> {
  const read = parameters<ConnectionsQuery>(query, {
    search: anyText,
    limit: whole('limit', 1, 1000),
    offset: whole('offset', 0, 1_000_000),
  });
  return { search: '', limit: 100, offset: 0, ...read };
}

export function lossQuery(query: URLSearchParams, reasons: readonly string[]): LossQuery {
  const read = parameters<LossQuery>(query, {
    topic: anyText,
    reason: oneOf('reason', reasons),
    side: oneOf('side', ['publish', 'consume']),
    since: time('since'),
    until: time('until'),
    limit: whole('limit', 1, 10_000),
  });
  if (read.since !== undefined && read.until !== undefined && read.since > read.until) {
    throw new QueryError('since: is after until');
  }
  return { limit: 100, ...read };
}

export function topologyQuery(query: URLSearchParams): TopologyQuery {
  return parameters<TopologyQuery>(query, { pipeline: anyText, vhost: anyText });
}

export function findingsQuery(query: URLSearchParams): FindingsQuery {
  return parameters<FindingsQuery>(query, { kind: anyText, app: anyText, vhost: anyText });
}

/** Which kinds of events, and of which rows and messages. */
export interface Subscription {
  of: ReadonlySet<EventKind>;
  topics: Required<TopicsQuery>;
  topic: string | undefined;
}

export function eventsQuery(query: URLSearchParams): Subscription {
  const { of, topic, ...topics } = parameters<EventsQuery>(query, { of: anyText, topic: anyText, ...topicRows });
  if (of === undefined) throw new QueryError(`of: is missing; there is ${EVENTS.join(', ')}`);
  const kinds = of.split(',').map(oneOf('of', EVENTS));
  return { of: new Set(kinds), topics: { sort: 'topic', search: '', limit: 50, offset: 0, ...topics }, topic };
}
