/**
 * What the admin server answers under `/api`: the contract between the sidecar, its page, its commands and its
 * peers. One file because whoever builds on it reads it as a whole. Types only, so that a browser's code may import them. docs/api.md has an example of each.
 *
 * All are GET but those that change something (faults, bypass). Off loopback they need `admin.token`: as a bearer token, or as the password of HTTP Basic, which a
 * browser also sends with an EventSource once it was asked for it. A parameter that is wrong is answered 400 and one
 * line of text, an id that nobody knows 404.
 *
 * Where a sidecar has `peers`, it asks them too and answers for all; `own=1` (on every path) asks for this one alone.
 * What could not be had is said in `sidecars`. Units: `…At` is milliseconds since the epoch, `…Micros` microseconds,
 * other durations seconds, rates messages a second, shares 0 to 1. What is not known is null.
 */

/** One of the sidecars that an answer is made of: the one that was asked first, then its peers. */
export interface SidecarRef {
  /** `service.instance.id`, new with each start; '' for a peer that never answered */
  id: string;
  /** service@host:port, the port that of `listen`; of a peer that never answered its URL */
  name: string;
  /** admin URL; '' for the one that was asked */
  url: string;
  /** why it is not in the answer, one line; null if it is */
  error: string | null;
}

/** In every answer that is made of several sidecars. */
export interface Merged {
  sidecars: SidecarRef[];
}

// ---------------------------------------------------------------------------------------------- GET /api/state

/** A sidecar at a glance. It is never a sum: peers stand beside it, each with its own. */
export interface SidecarState {
  version: string;
  /** as SidecarRef.id */
  id: string;
  /** as SidecarRef.name */
  name: string;
  /** service.name of its spans: what the page's title says */
  service: string;
  /** name of the machine or pod */
  host: string;
  startedAt: number;
  /** seconds */
  uptime: number;
  /** where apps connect, `host:port` */
  listen: string;
  /** `up` is null before the first dial */
  upstreams: { address: string; up: boolean | null }[];
  loss: 'off' | 'returns' | 'confirms';
  /** the configuration file, null without one */
  config: { file: string | null; reloads: { success: number; failure: number }; lastReloadFailed: boolean };
  /** where spans go */
  spans: {
    /** such as `otlp`, `console`; empty: to the page alone */
    exporters: string[];
    /** OTLP endpoint without user and password, null without one */
    endpoint: string | null;
    exported: number;
    dropped: number;
    /** traces that are kept for the page, and the memory they take, bytes */
    kept: { traces: number; spans: number; bytes: number; maxBytes: number };
  };
  /** where metrics go: the paths and endpoints */
  metrics: { path: string };
  connections: number;
  channels: number;
  /** deliveries that await their settlement now */
  unsettled: number;
  /** messages passed on since start */
  messages: { published: number; delivered: number };
  /** definite losses since start, as event_lost_total */
  lost: number;
  /** outcomes that can't be known since start, as event_unknown_total */
  unknown: number;
  /** of the last 60 s, the 100 greatest; topics without outcomes are left out */
  lossRates: { topic: string; pipeline: string; side: Side; rate: number }[];
  /** new connections are plain pipes */
  bypass: boolean;
  /** connections that became a plain pipe since start, by reason */
  bypassed: { reason: string; count: number }[];
  /** connections that the broker reads nothing from now (connection.blocked), with its reason of the latest */
  blocked: { connections: number; reason: string | null };
  /** faults of the rules that are in force; `match` is JSON, `secondsLeft` null for one that does not end by itself */
  faults: { type: string; match: string; toxicity: number; secondsLeft: number | null }[];
  /** limits that bit, and what was dropped, and how often */
  limits: { name: string; count: number }[];
}

/** `GET /api/state` */
export interface StateAnswer extends SidecarState, Merged {
  /** of the peers that answered */
  peers: SidecarState[];
}

export type Side = 'publish' | 'consume';

// --------------------------------------------------------------------------------------------- GET /api/topics

export type TopicSort =
  | 'topic'
  | 'published'
  | 'consumed'
  | 'p50'
  | 'p95'
  | 'p99'
  | 'lossRate'
  | 'lost'
  | 'unknown'
  | 'unsettled';

/** Parameters of `GET /api/topics`. */
export interface TopicsQuery {
  /** the greatest first, `topic` from a to z; with a dash before it the other way round; default `topic` */
  sort?: TopicSort | `-${TopicSort}`;
  /** text that topic or pipeline contain, in any case */
  search?: string;
  /** 1 to 500, default 50 */
  limit?: number;
  /** default 0 */
  offset?: number;
}

/** `GET /api/topics` */
export interface TopicsAnswer extends Merged {
  /** when the counts were read */
  at: number;
  /** rows that match, beyond `limit` too */
  matching: number;
  topics: TopicRow[];
  /** of the points of each `line`: the time of the first one and their distance; the last one may still be growing */
  line: LineTimes;
}

export interface LineTimes {
  startAt: number;
  /** milliseconds: 10,000 */
  stepMs: number;
  /** 90, fewer in the first quarter of an hour */
  points: number;
}

/** A topic of one pipeline, over all sidecars asked. */
export interface TopicRow {
  topic: string;
  pipeline: string;
  /** messages a second over the last minute */
  published: number;
  consumed: number;
  /** passed on since start; what is idle for metrics.idleAfter begins anew */
  publishedTotal: number;
  consumedTotal: number;
  /** end to end, of first deliveries in the last minute, seconds: interpolated in the buckets of event_latency_seconds */
  latency: Quantiles;
  /** of the last 60 s, the greater one of both sides; null without outcomes */
  lossRate: number | null;
  /** since start, both sides, as event_lost_total */
  lost: number;
  /** since start, both sides, as event_unknown_total */
  unknown: number;
  /** deliveries that await their settlement now */
  unsettled: number;
  line: TopicLine;
}

/** By time, `LineTimes.points` of each. */
export interface TopicLine {
  /** published messages a second; of a topic that is only consumed here: consumed ones */
  rate: number[];
  /** seconds; null where nothing was delivered first */
  p95: (number | null)[];
  /** messages found lost, both sides */
  lost: number[];
}

/** Seconds, null without observations. `count`: observations they are of. */
export interface Quantiles {
  p50: number | null;
  p95: number | null;
  p99: number | null;
  count: number;
}

// -------------------------------------------------------------------------------------- GET /api/topics/detail

/** Parameters of `GET /api/topics/detail`. */
export interface TopicQuery {
  topic: string;
  /** may be left out where the topic has one alone */
  pipeline?: string;
}

/** `GET /api/topics/detail`; 404 if no sidecar knows the topic. */
export interface TopicDetail extends Merged {
  at: number;
  row: TopicRow;
  line: LineTimes;
  /** event_latency_seconds of the last 15 minutes */
  heatmap: Heatmap;
  /** of the last 15 minutes: where the time goes */
  split: {
    /** publish to the broker's confirm */
    confirm: Quantiles;
    /** publish to first delivery: what the broker and its queue took */
    endToEnd: Quantiles;
    /** delivery to settlement, over all queues */
    processing: Quantiles;
  };
  /** since start, greatest first */
  lost: { side: Side; reason: string; count: number }[];
  unknown: { side: Side; reason: string; count: number }[];
  requeued: { reason: string; count: number }[];
  deadLettered: { queue: string; reason: string; count: number }[];
  redelivered: number;
  /** body bytes since start */
  bytes: { publish: number; consume: number };
  queues: { queue: string; unsettled: number; processing: Quantiles }[];
  /** kept traces that have a span of this topic, at most 20 of each */
  slowest: TraceSummary[];
  newest: TraceSummary[];
}

export interface Heatmap {
  times: LineTimes;
  /** upper bounds of the buckets, seconds; one more bucket is beyond the last */
  bounds: number[];
  /** by time, then by bucket: how many, not cumulative */
  counts: number[][];
}

// --------------------------------------------------------------------------------------------- GET /api/traces

/** How a trace went: the worst of its spans, in this order. */
export type TraceOutcome = 'lost' | 'failed' | 'unknown' | 'requeued' | 'success';

/** Parameters of `GET /api/traces`: every one given must match. */
export interface TracesQuery {
  topic?: string;
  pipeline?: string;
  /** `failed` finds lost ones too */
  outcome?: TraceOutcome;
  /** seconds, of the whole trace */
  least?: number;
  sort?: 'newest' | 'slowest';
  /** 1 to 500, default 50 */
  limit?: number;
}

/** `GET /api/traces`: those kept for the page (`page.traces`). */
export interface TracesAnswer extends Merged {
  traces: TraceSummary[];
  /** kept ones that match, beyond `limit` too; traces that several sidecars have count once for each */
  matching: number;
  kept: { traces: number; spans: number; bytes: number; maxBytes: number };
  /** spans that would have been kept, but came too fast to keep all; failed and lost ones are kept before others */
  skipped: number;
}

export interface TraceSummary {
  /** 32 hex digits */
  traceId: string;
  startMicros: number;
  /** seconds, from the first span's start to the last one's end */
  duration: number;
  /** spans that are kept */
  spans: number;
  outcome: TraceOutcome;
  /** of the worst span: label of event_lost_total, event_unknown_total or event_requeued_total; '' on success */
  reason: string;
  /** of the first span, such as `publish orders` */
  name: string;
  /** of all its spans, at most 10 */
  topics: string[];
}

/** `GET /api/traces/ID`, ID of 32 hex digits; 404 if nobody has kept it. */
export interface TraceAnswer extends Merged {
  traceId: string;
  /** by start */
  spans: TraceSpan[];
}

export type AttributeValue = string | number | boolean | readonly (string | number | boolean)[];

export interface TraceSpan {
  /** 16 hex digits */
  spanId: string;
  /** '' for a root. Its span may be another program's, and not here */
  parentSpanId: string;
  links: { traceId: string; spanId: string }[];
  /** such as `publish orders` */
  name: string;
  kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  startMicros: number;
  endMicros: number;
  attributes: Record<string, AttributeValue>;
  events: { name: string; atMicros: number; attributes: Record<string, AttributeValue> }[];
  /** `message` is '' for none */
  status: { code: 'unset' | 'ok' | 'error'; message: string };
  outcome: TraceOutcome;
  /** whether the message's context says that it is sampled */
  sampled: boolean;
  topic: string;
  /** service.name of the sidecar's spans */
  service: string;
  /** SidecarRef.id */
  sidecar: string;
}

// ---------------------------------------------------------------------------------------- GET /api/connections

/** Parameters of `GET /api/connections`. */
export interface ConnectionsQuery {
  /** text that app, user, vhost, peer or a queue contain, in any case */
  search?: string;
  /** 1 to 1000, default 100 */
  limit?: number;
  offset?: number;
}

/** `GET /api/connections` */
export interface ConnectionsAnswer extends Merged {
  /** that match, beyond `limit` too */
  matching: number;
  /** the oldest first */
  connections: ConnectionRow[];
}

export interface ConnectionRow {
  /** SidecarRef.id */
  sidecar: string;
  /** as `tracehare.connection` on spans, in logs and losses */
  connection: number;
  /** what it is called on the map; '' as long as the broker has not let it in, as all the names below */
  app: string;
  /** its own name for the connection (connection_name), '' for none */
  name: string;
  /** client library, version and platform as it says */
  client: string;
  user: string;
  vhost: string;
  /** the app's address, `ip:port` */
  peer: string;
  /** upstream it was connected to, `host:port` */
  upstream: string;
  openedAt: number;
  /** why nothing of it is read, '' when it is */
  bypass: string;
  /** the broker's reason for connection.blocked; null while it is not */
  blocked: string | null;
  /** of all its channels */
  unsettled: number;
  channels: ChannelRow[];
  /** open ones that are not listed: beyond the first 100, and those that the app has not used yet */
  moreChannels: number;
}

export interface ChannelRow {
  channel: number;
  /** plain, confirming, transactional, closing and so on */
  state: string;
  /** of basic.qos: per consumer, and per channel (global); 0: no limit */
  prefetch: number;
  prefetchGlobal: number;
  /** deliveries that await their settlement */
  unsettled: number;
  /** publishes that await what ends them */
  openPublishes: number;
  consumers: { tag: string; queue: string; noAck: boolean }[];
  /** beyond the 100 that are listed */
  moreConsumers: number;
}

// ------------------------------------------------------------------------------------------- GET /api/topology

/** Parameters of `GET /api/topology`: every key given must match. */
export interface TopologyQuery {
  pipeline?: string;
  vhost?: string;
}

/** `GET /api/topology`: who talks to whom, as the traffic shows; edges nobody used for metrics.idleAfter are gone. */
export interface TopologyAnswer extends Merged {
  nodes: TopologyNode[];
  edges: TopologyEdge[];
}

export interface TopologyNode {
  /** the same on every sidecar */
  id: string;
  kind: 'app' | 'exchange' | 'queue';
  name: string;
  /** '' for apps, which may use several */
  vhost: string;
}

export interface TopologyEdge {
  id: string;
  /** ids of nodes */
  source: string;
  target: string;
  kind: 'publish' | 'route' | 'deliver';
  vhost: string;
  messages: number;
  /** definitely lost; routes have none */
  lost: number;
  /** messages a second over the last 60 s */
  rate: number;
  /** ISO 8601; a second off at most */
  lastSeen: string;
}

// --------------------------------------------------------------------------------------------- GET /api/losses

/** Parameters of `GET /api/losses`: every one given must match. */
export interface LossQuery {
  topic?: string;
  reason?: string;
  side?: Side;
  /** milliseconds since the epoch, both inclusive; in the URL ISO 8601 or seconds since the epoch */
  since?: number;
  until?: number;
  /** at most so many, the newest */
  limit: number;
}

/** `GET /api/losses`: the definite losses the log still has. */
export interface LossAnswer extends Merged {
  /** newest first */
  losses: Loss[];
  /** how many match, beyond the limit too */
  matching: number;
  /** logged since the start */
  total: number;
  /** of these, pushed out by newer ones */
  dropped: number;
  /** lifecycle events of any kind that were dropped on their way: losses may be among them, counted but not logged */
  eventsDropped: number;
}

/** One definite loss. Names are as on the wire, '' where there is none or nobody knows. */
export interface Loss {
  /** when it was found, or when a publish without confirms was flushed: ISO 8601 in UTC with milliseconds */
  time: string;
  side: Side;
  exchange: string;
  routingKey: string;
  topic: string;
  pipeline: string;
  /** of deliveries: where the message came from */
  queue: string;
  /** label of event_lost_total */
  reason: string;
  /** 32 hex digits */
  traceId: string;
  /** as in the log and on spans */
  connection: number;
  channel: number;
  /** the app's own name for it, else its client library's product name */
  connectionName: string;
  /** SidecarRef.id */
  sidecar: string;
  /** the broker's words, of basic.return or of the close: left out where it said none */
  replyCode?: number;
  replyText?: string;
  /** left out where the message has none, or was not looked at because it is not sampled */
  messageId?: string;
}

// ---------------------------------------------------------------------------------- GET, POST, DELETE /api/faults

/**
 * `GET /api/faults`: those in force. Changes need `admin.token` always, on loopback too, and are of this sidecar alone;
 * what is sent is JSON of at most 8 KiB and says so in Content-Type. `POST /api/faults` adds one (FaultRequest) and
 * answers 201 and its FaultRow; `DELETE /api/faults/NAME` ends it, `DELETE /api/faults` all that were added: FaultsEnded.
 */
export interface FaultsAnswer {
  /** faults.enabled: without it none can be added */
  enabled: boolean;
  /** those of the configuration's rules have no name: they end with a reload of it */
  faults: FaultRow[];
}

export interface FaultRow {
  name: string | null;
  type: string;
  toxicity: number;
  /** durations in milliseconds */
  attributes: object;
  match: object;
  /** null: it does not end by itself */
  secondsLeft: number | null;
}

/** In toxiproxy's words; a duration that is a number is milliseconds. */
export interface FaultRequest {
  name?: string;
  /** one of docs/faults.md, or reset_peer, timeout, down */
  type: string;
  /** upstream: publishes; downstream: deliveries; both without it */
  stream?: 'upstream' | 'downstream';
  toxicity?: number;
  attributes?: Record<string, unknown>;
  /** such as `30s`; without it until it is ended */
  for?: string;
  /** as a rule's; everything without it */
  match?: Record<string, unknown>;
}

export interface FaultsEnded {
  ended: string[];
}

/** `POST /api/bypass`, an empty JSON object: new connections are plain pipes; `DELETE /api/bypass`: they are read. */
export interface BypassAnswer {
  bypass: boolean;
}

// --------------------------------------------------------------------------------------------- GET /api/events

/**
 * Parameters of `GET /api/events`, server-sent events. `of` may name several kinds, separated by commas; each kind takes
 * the parameters it has here. The server sends a comment every 15 s; whoever reads too slowly is cut off, and an
 * EventSource comes back by itself.
 */
export interface EventsQuery extends Pick<TopicsQuery, 'sort' | 'search' | 'limit' | 'offset'> {
  of: string;
  /** of messages: exactly this topic; all without it */
  topic?: string;
}

/** Kinds of `of`: the name of an event is that of its kind, its data JSON of this type. */
export interface EventsOf {
  /**
   * `state`: all of it first; then once a second what of it has changed, its top keys whole. `uptime` alone does not
   * count as a change.
   */
  state: Partial<StateAnswer>;
  /** `topics`: the rows of this sort, search, limit and offset; first all, then every 2 s those that changed */
  topics: TopicsChange;
  /** `messages`: one as it ends; `skipped` ones are told of, at most once a second */
  messages: MessageEnded;
  skipped: MessagesSkipped;
}

export interface TopicsChange extends Omit<TopicsAnswer, 'topics'> {
  /** JSON.stringify([topic, pipeline]) of the rows in their order */
  order: string[];
  /** those of them that are new or have changed */
  topics: TopicRow[];
}

/** One passage: a publish or a delivery that ended. */
export interface MessageEnded {
  endedAt: number;
  side: Side;
  topic: string;
  pipeline: string;
  exchange: string;
  routingKey: string;
  /** of deliveries */
  queue: string;
  outcome: TraceOutcome;
  /** '' on success */
  reason: string;
  /**
   * Publish: until the broker answered, or its last byte was flushed; delivery: until its settlement. Seconds. Null for a
   * publish that was told of as a success before, and came back after all.
   */
  duration: number | null;
  /** publish to this delivery; null for a publish, or if it is not a first delivery */
  latency: number | null;
  /** null as `duration` */
  bodySize: number | null;
  redelivered: boolean;
  /** of the connection, as ConnectionRow.app */
  app: string;
  connection: number;
  channel: number;
  /** 32 hex digits, '' if it has none */
  traceId: string;
  /** whether its trace is one that is kept or exported */
  sampled: boolean;
  /** SidecarRef.id */
  sidecar: string;
}

/** Messages that ended and matched, but came faster than they are told. */
export interface MessagesSkipped {
  count: number;
}

/** Which findings: every key given must match. */
export interface FindingsQuery {
  kind?: string;
  app?: string;
  vhost?: string;
}

/** How an app uses the broker where that is mostly a mistake. */
export interface Finding {
  /** docs/operations.md#findings lists them */
  kind: string;
  app: string;
  vhost: string;
  /** the queue, or exchange and routing key; '' where it is about the app as a whole */
  name: string;
  /** how often it was seen */
  count: number;
  /** ISO 8601: first and last seen */
  since: string;
  lastSeen: string;
  evidence: string;
  /** what to do, in one line */
  cure: string;
}

/** `GET /api/findings`: newest first; what was not seen for metrics.idleAfter is gone. */
export interface FindingsAnswer extends Merged {
  findings: (Finding & {
    /** id of the sidecar that saw it */
    sidecar: string;
  })[];
}
