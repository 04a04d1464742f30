import type {
  ConnectionRow,
  ConnectionsQuery,
  FaultRow,
  FaultsAnswer,
  Finding,
  FindingsQuery,
  Loss,
  LossAnswer,
  LossQuery,
  MessageEnded,
  PoisonMessage,
  SidecarState,
  TopologyAnswer,
  TopologyQuery,
  TraceSpan,
  TracesAnswer,
  TracesQuery,
} from '../api.ts';
import type { DetailPart, LinesPart, TopicsPart } from '../parts.ts';

/** What the admin server shows of this sidecar, asked when someone looks. */
export interface AdminSources {
  /** who it is, for its peers and the page */
  readonly identity: { id: string; name: string };
  /** the exposition in the format this Accept header prefers */
  metrics(accept: string | undefined): { contentType: string; body: AsyncIterable<string | Uint8Array> };
  /** undefined when ready, else why not, in one line */
  ready(): string | undefined;
  /** dials the broker: undefined when it answered, else why not, in one line */
  upstreamReachable(): Promise<string | undefined>;
  state(): SidecarState;
  /** topics whose names contain `search`, in lower case */
  topics(search: string): TopicsPart;
  /** of the rows of these keys (rowKey) */
  topicLines(keys: ReadonlySet<string>): LinesPart;
  /** undefined: there is no such topic */
  topic(topic: string, pipeline: string): DetailPart | undefined;
  pipelinesOf(topic: string): string[];
  traces(query: TracesQuery): Omit<TracesAnswer, 'sidecars'>;
  /** the spans of a trace, of 32 hex digits; none: it is not kept */
  trace(traceId: string): Promise<TraceSpan[]>;
  /** the first `limit` and `offset` together, not sorted, and how many match */
  connections(
    query: Required<ConnectionsQuery>,
  ): Promise<{ matching: number; connections: Omit<ConnectionRow, 'sidecar'>[] }>;
  losses(query: LossQuery): Omit<LossAnswer, 'sidecars' | 'losses'> & { losses: Omit<Loss, 'sidecar'>[] };
  /** newest first */
  findings(query: FindingsQuery): Finding[];
  topology(query: TopologyQuery): Omit<TopologyAnswer, 'sidecars'>;
  poison(): { messages: Omit<PoisonMessage, 'sidecar'>[]; dropped: number };
  /** what LossQuery.reason can be */
  readonly lossReasons: readonly string[];
  readonly changes: AdminChanges;
  /** Tells of messages as they end, until what it returns is called. */
  watch(watcher: MessageWatcher): () => void;
}

/** What can be changed by whoever has the token; `by` is who, for the log. What is asked wrongly rejects with QueryError. */
export interface AdminChanges {
  faults(): FaultsAnswer;
  addFault(body: unknown, by: string): Promise<FaultRow>;
  /** undefined: all that were added. Rejects with NotFound. */
  endFaults(name: string | undefined, by: string): Promise<string[]>;
  /** Resolves with what holds now. */
  bypass(on: boolean, by: string): Promise<boolean>;
}

/** Whoever watches messages as they end. */
export interface MessageWatcher {
  /** undefined: all */
  readonly topic: string | undefined;
  ended(message: Omit<MessageEnded, 'sidecar'>): void;
  /** so many more matched, but came faster than they are told */
  skipped(count: number): void;
}
