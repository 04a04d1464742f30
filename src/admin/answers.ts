import type {
  ConnectionsAnswer,
  ConnectionsQuery,
  FindingsAnswer,
  FindingsQuery,
  LossAnswer,
  LossQuery,
  SidecarRef,
  StateAnswer,
  TopicDetail,
  TopicQuery,
  TopicsAnswer,
  TopicsQuery,
  TopologyAnswer,
  TopologyEdge,
  TopologyNode,
  TopologyQuery,
  TraceAnswer,
  TraceOutcome,
  TraceSummary,
  TracesAnswer,
  TracesQuery,
} from '../api.ts';
import { type DetailPart, type LinesPart, rowKey, type TopicsPart } from '../parts.ts';
import { NotFound, QueryError } from './parameters.ts';
import type { PeerAnswer, Peers } from './peers.ts';
import type { AdminSources } from './sources.ts';
import { lineTimes, topicDetail, topicLines, topicRows } from './topic-answers.ts';

/** Keys that a URL has room for. */
const KEYS_AT_ONCE = 150;
/** Traces beside a topic. */
const SOME_TRACES = 20;
const MOST_TOPICS_OF_TRACE = 10;

/** Parameters of a peer's request, those that are given. */
const texts = (query: object): Record<string, string> =>
  Object.fromEntries(
    Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );

/**
 * What is answered under /api: of this sidecar and, unless `own` alone is asked for, of its peers. Counts of several
 * are added up, and never their rates of loss or quantiles.
 * One file because every answer is made alike: ours, those of peers, and both put together.
 */
export class Answers {
  readonly #sources: AdminSources;
  readonly #peers: Peers;

  constructor(sources: AdminSources, peers: Peers) {
    this.#sources = sources;
    this.#peers = peers;
  }

  get own(): SidecarRef {
    const { id, name } = this.#sources.identity;
    return { id, name, url: '', error: null };
  }

  async state(own: boolean): Promise<StateAnswer> {
    const answers = own ? [] : await this.#peers.ask<StateAnswer>('/api/state');
    const peers = answers.flatMap(({ answer }) => {
      if (answer === undefined) return [];
      const { sidecars: _, peers: __, ...state } = answer;
      return [state];
    });
    return { ...this.#sources.state(), ...this.#sidecars(answers), peers };
  }

  async topics(query: Required<TopicsQuery>, own: boolean): Promise<TopicsAnswer> {
    const { search } = query;
    const mine = this.topicsPart(search);
    const answers = own ? [] : await this.#peers.ask<typeof mine>('/api/topics', { parts: 'rows', search });
    const parts: TopicsPart[] = [mine, ...got(answers)];
    const { matching, rows } = topicRows(parts, query);
    const keys = rows.map(({ topic, pipeline }) => rowKey(topic, pipeline));
    const times = lineTimes(parts);
    const lines = topicLines(await this.#lines(keys, own), times);
    const none = { rate: zeros(times.points), p95: new Array(times.points).fill(null), lost: zeros(times.points) };
    return {
      at: mine.at,
      ...this.#sidecars(answers),
      matching,
      topics: rows.map((row) => ({ ...row, line: lines.get(JSON.stringify([row.topic, row.pipeline])) ?? none })),
      line: times,
    };
  }

  async #lines(keys: string[], own: boolean): Promise<LinesPart[]> {
    const parts: LinesPart[] = [this.#sources.topicLines(new Set(keys))];
    for (let at = 0; !own && at < keys.length; at += KEYS_AT_ONCE) {
      const some = keys.slice(at, at + KEYS_AT_ONCE).join(',');
      const answers = await this.#peers.ask<LinesPart & { sidecars: SidecarRef[] }>('/api/topics', {
        parts: 'lines',
        keys: some,
      });
      parts.push(...got(answers));
    }
    return parts;
  }

  /** For a peer. */
  topicsPart(search: string): TopicsPart & { sidecars: SidecarRef[] } {
    return { ...this.#sources.topics(search.toLowerCase()), sidecars: [this.own] };
  }

  /** For a peer. */
  linesPart(keys: string): LinesPart & { sidecars: SidecarRef[] } {
    return { ...this.#sources.topicLines(new Set(keys.split(','))), sidecars: [this.own] };
  }

  async topic({ topic, pipeline }: TopicQuery, own: boolean): Promise<TopicDetail> {
    const of = pipeline ?? (await this.#pipelineOf(topic, own));
    const mine = this.#sources.topic(topic, of);
    const answers = own
      ? []
      : await this.#peers.ask<DetailPart & { sidecars: SidecarRef[] }>('/api/topics/detail', {
          topic,
          pipeline: of,
          parts: 'detail',
        });
    const parts: DetailPart[] = [...(mine === undefined ? [] : [mine]), ...got(answers)];
    if (parts.length === 0) throw noTopic(topic, of);
    const query = { topic, pipeline: of, limit: SOME_TRACES };
    const [slowest, newest] = await Promise.all([
      this.traces({ ...query, sort: 'slowest' }, own),
      this.traces({ ...query, sort: 'newest' }, own),
    ]);
    return { ...topicDetail(parts), ...this.#sidecars(answers), slowest: slowest.traces, newest: newest.traces };
  }

  /** For a peer. */
  detailPart({ topic, pipeline = '' }: TopicQuery): DetailPart & { sidecars: SidecarRef[] } {
    const part = this.#sources.topic(topic, pipeline);
    if (part === undefined) throw noTopic(topic, pipeline);
    return { ...part, sidecars: [this.own] };
  }

  async #pipelineOf(topic: string, own: boolean): Promise<string> {
    const pipelines = new Set(this.#sources.pipelinesOf(topic));
    if (!own) {
      const answers = await this.#peers.ask<TopicsPart & { sidecars: SidecarRef[] }>('/api/topics', {
        parts: 'rows',
        search: topic,
      });
      for (const { topics } of got(answers))
        for (const row of topics) if (row.topic === topic) pipelines.add(row.pipeline);
    }
    const [only, ...others] = pipelines;
    if (only === undefined) throw noTopic(topic, undefined);
    if (others.length === 0) return only;
    const named = [...pipelines].map((name) => JSON.stringify(name)).join(', ');
    throw new QueryError(`pipeline: is missing, as there are several with this topic: ${named}`);
  }

  async traces(query: TracesQuery, own: boolean): Promise<TracesAnswer> {
    const mine = { ...this.#sources.traces(query), sidecars: [this.own] };
    const answers = own ? [] : await this.#peers.ask<TracesAnswer>('/api/traces', texts(query));
    const all = [mine, ...got(answers)];
    const sum = (of: (answer: Omit<TracesAnswer, 'sidecars'>) => number): number =>
      all.reduce((total, each) => total + of(each), 0);
    const { sort = 'newest', limit = 50 } = query;
    const traces = mergedTraces(all.flatMap(({ traces }) => traces));
    traces.sort(sort === 'slowest' ? (a, b) => b.duration - a.duration : (a, b) => b.startMicros - a.startMicros);
    return {
      traces: traces.slice(0, limit),
      matching: sum(({ matching }) => matching),
      kept: {
        traces: sum(({ kept }) => kept.traces),
        spans: sum(({ kept }) => kept.spans),
        bytes: sum(({ kept }) => kept.bytes),
        maxBytes: sum(({ kept }) => kept.maxBytes),
      },
      skipped: sum(({ skipped }) => skipped),
      ...this.#sidecars(answers),
    };
  }

  /** Peers answer with none rather than that there is no such trace: another may have it. */
  async trace(traceId: string, own: boolean): Promise<TraceAnswer> {
    const answers = own ? [] : await this.#peers.ask<TraceAnswer>(`/api/traces/${traceId}`);
    const spans = [...(await this.#sources.trace(traceId)), ...got(answers).flatMap(({ spans }) => spans)];
    if (spans.length === 0 && !own) throw new NotFound(`no trace ${traceId} is kept here; there is GET /api/traces`);
    spans.sort((a, b) => a.startMicros - b.startMicros);
    return { traceId, spans, ...this.#sidecars(answers) };
  }

  async connections(query: Required<ConnectionsQuery>, own: boolean): Promise<ConnectionsAnswer> {
    const { search, limit, offset } = query;
    // of each sidecar as many as may be shown in the end
    const all = { search, limit: limit + offset, offset: 0 };
    const mine = await this.#sources.connections(all);
    const answers = own
      ? []
      : await this.#peers.ask<ConnectionsAnswer>(
          '/api/connections',
          texts({ ...all, limit: Math.min(1000, all.limit) }),
        );
    const rows = [
      ...mine.connections.map((row) => ({ sidecar: this.own.id, ...row })),
      ...got(answers).flatMap(({ connections }) => connections),
    ];
    rows.sort((a, b) => a.openedAt - b.openedAt || a.connection - b.connection);
    return {
      matching: mine.matching + got(answers).reduce((sum, { matching }) => sum + matching, 0),
      connections: rows.slice(offset, offset + limit),
      ...this.#sidecars(answers),
    };
  }

  async losses(query: LossQuery, own: boolean): Promise<LossAnswer> {
    const found = this.#sources.losses(query);
    const mine = { ...found, losses: found.losses.map((loss) => ({ ...loss, sidecar: this.own.id })) };
    const { since, until, ...rest } = query;
    const times = texts({ since: since && since / 1000, until: until && until / 1000 });
    const answers = own ? [] : await this.#peers.ask<LossAnswer>('/api/losses', { ...texts(rest), ...times });
    const all = [mine, ...got(answers)];
    const sum = (of: (answer: Omit<LossAnswer, 'sidecars'>) => number): number =>
      all.reduce((total, each) => total + of(each), 0);
    const losses = all.flatMap(({ losses }) => losses);
    if (all.length > 1) losses.sort((a, b) => (a.time < b.time ? 1 : Number(a.time > b.time) * -1));
    return {
      losses: losses.slice(0, query.limit),
      matching: sum(({ matching }) => matching),
      total: sum(({ total }) => total),
      dropped: sum(({ dropped }) => dropped),
      eventsDropped: sum(({ eventsDropped }) => eventsDropped),
      ...this.#sidecars(answers),
    };
  }

  async topology(query: TopologyQuery, own: boolean): Promise<TopologyAnswer> {
    const answers = own ? [] : await this.#peers.ask<TopologyAnswer>('/api/topology', texts(query));
    const all = [this.#sources.topology(query), ...got(answers)];
    const nodes = new Map<string, TopologyNode>(all.flatMap(({ nodes }) => nodes).map((node) => [node.id, node]));
    const edges = new Map<string, TopologyEdge>();
    for (const edge of all.flatMap(({ edges }) => edges)) {
      const known = edges.get(edge.id);
      edges.set(edge.id, known === undefined ? edge : together(known, edge));
    }
    const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
    return { nodes: [...nodes.values()].sort(byId), edges: [...edges.values()].sort(byId), ...this.#sidecars(answers) };
  }

  async findings(query: FindingsQuery, own: boolean): Promise<FindingsAnswer> {
    const mine = this.#sources.findings(query).map((finding) => ({ ...finding, sidecar: this.own.id }));
    const answers = own ? [] : await this.#peers.ask<FindingsAnswer>('/api/findings', texts(query));
    const findings = [...mine, ...got(answers).flatMap(({ findings }) => findings)];
    if (answers.length > 0) findings.sort((a, b) => (a.since < b.since ? 1 : Number(a.since > b.since) * -1));
    return { findings, ...this.#sidecars(answers) };
  }

  #sidecars(answers: readonly PeerAnswer<unknown>[]): { sidecars: SidecarRef[] } {
    return { sidecars: [this.own, ...answers.map(({ sidecar }) => sidecar)] };
  }
}

const got = <T>(answers: readonly PeerAnswer<T>[]): T[] =>
  answers.flatMap(({ answer }) => (answer === undefined ? [] : [answer]));

const zeros = (length: number): number[] => new Array(length).fill(0);

function noTopic(topic: string, pipeline: string | undefined): NotFound {
  const where = pipeline === undefined ? '' : ` in pipeline ${JSON.stringify(pipeline)}`;
  return new NotFound(
    `no topic ${JSON.stringify(topic)}${where} has had messages here lately; there is GET /api/topics`,
  );
}

/** An edge of which each sidecar has seen other messages. */
function together(a: TopologyEdge, b: TopologyEdge): TopologyEdge {
  return {
    ...a,
    messages: a.messages + b.messages,
    lost: a.lost + b.lost,
    rate: a.rate + b.rate,
    lastSeen: [a.lastSeen, b.lastSeen].sort()[1],
  };
}

const WORST: readonly TraceOutcome[] = ['lost', 'failed', 'unknown', 'requeued', 'success'];

/** One of each id: sidecars have spans of their own of it. */
function mergedTraces(traces: readonly TraceSummary[]): TraceSummary[] {
  const byId = new Map<string, TraceSummary>();
  for (const trace of traces) {
    const known = byId.get(trace.traceId);
    byId.set(trace.traceId, known === undefined ? trace : whole(known, trace));
  }
  return [...byId.values()];
}

function whole(a: TraceSummary, b: TraceSummary): TraceSummary {
  const [first, second] = a.startMicros <= b.startMicros ? [a, b] : [b, a];
  const end = Math.max(...[a, b].map(({ startMicros, duration }) => startMicros + duration * 1e6));
  const worse = WORST.indexOf(a.outcome) <= WORST.indexOf(b.outcome) ? a : b;
  return {
    ...first,
    duration: (end - first.startMicros) / 1e6,
    spans: a.spans + b.spans,
    outcome: worse.outcome,
    reason: worse.reason,
    topics: [...new Set([...first.topics, ...second.topics])].slice(0, MOST_TOPICS_OF_TRACE),
  };
}
