/** What the admin server shows, asked when someone looks. */
export interface AdminSources {
  /** the exposition in the format this Accept header prefers */
  metrics(accept: string | undefined): { contentType: string; body: AsyncIterable<string | Uint8Array> };
  /** undefined when ready, else why not, in one line */
  ready(): string | undefined;
  /** dials the broker: undefined when it answered, else why not, in one line */
  upstreamReachable(): Promise<string | undefined>;
  state(): SidecarState;
  losses(query: LossQuery): LossAnswer;
  topology(query: TopologyQuery): TopologyAnswer;
  /** what LossQuery.reason can be */
  readonly lossReasons: readonly string[];
}

/** The sidecar at a glance: `GET /api/state`, and what the page at `/` shows. */
export interface SidecarState {
  version: string;
  /** seconds */
  uptime: number;
  /** where apps connect, `host:port` */
  listen: string;
  /** `up` is null before the first dial */
  upstreams: { address: string; up: boolean | null }[];
  connections: number;
  channels: number;
  /** messages passed on since start */
  messages: { published: number; delivered: number };
  /** of the last 60 s, 0 to 1; topics without outcomes are left out */
  lossRates: { topic: string; pipeline: string; side: string; rate: number }[];
  /** every new connection is a plain pipe */
  bypass: boolean;
  /** faults of the rules that are in force; `match` is JSON, `secondsLeft` null for one that does not end by itself */
  faults: { type: string; match: string; toxicity: number; secondsLeft: number | null }[];
  /** limits that bit, and how often */
  limits: { name: string; count: number }[];
}

/** What `GET /api/losses` is asked for: every key given must match. */
export interface LossQuery {
  topic?: string;
  reason?: string;
  side?: 'publish' | 'consume';
  /** milliseconds since the epoch, both inclusive */
  since?: number;
  until?: number;
  /** at most so many, the newest */
  limit: number;
}

/** `GET /api/losses`: the definite losses the log still has. */
export interface LossAnswer {
  /** newest first */
  losses: object[];
  /** how many match, beyond the limit too */
  matching: number;
  /** logged since the start */
  total: number;
  /** of these, pushed out by newer ones */
  dropped: number;
  /** lifecycle events of any kind that were dropped on their way: losses may be among them, counted but not logged */
  eventsDropped: number;
}

/** What `GET /api/topology` is asked for: every key given must match. */
export interface TopologyQuery {
  pipeline?: string;
  vhost?: string;
}

/** `GET /api/topology`: who talks to whom, as the traffic shows; edges nobody used for metrics.idleAfter are gone. */
export interface TopologyAnswer {
  nodes: { id: string; kind: string; name: string; vhost: string }[];
  edges: {
    id: string;
    /** ids of nodes */
    source: string;
    target: string;
    /** publish, route or deliver */
    kind: string;
    vhost: string;
    messages: number;
    lost: number;
    /** messages a second over the last 60 s */
    rate: number;
    /** ISO 8601 */
    lastSeen: string;
  }[];
}
