import type { PluginSettings } from '../plugins/load.ts';
import type { ClientMatch, LossMode } from '../proxy/routing/treatment.ts';
import type { Rule } from '../rules/rule.ts';

/** The configuration as the program uses it: checked, complete, frozen. Durations are milliseconds; host '' is all interfaces. */
export interface Config {
  listen: { host: string; port: number; tls?: ListenTls };
  upstream: { servers: Upstream[]; tls: UpstreamTls; connectTimeout: number };
  admin: { host: string; port: number; token?: string; hosts?: string[] };
  loss: {
    mode: LossMode;
    /** how long the end of a channel or connection is held for shadow confirms */
    settleOnClose: number;
    /** clients that are never shadowed: patterns as in rules, still text */
    exempt: ClientMatch[];
  };
  /** value of the pipeline label; undefined: the connection's vhost */
  pipeline?: string;
  tracing: {
    maxTracesPerSecond: number;
    /** spans of lost messages exported though not sampled */
    maxLossSpansPerSecond: number;
    injectUnsampled: boolean;
    consumer: 'parent' | 'link' | 'both';
    /** what a publish span has of the delivery that it comes of */
    cause: 'off' | 'link' | 'parent';
    /** unsampled messages that are exported all the same */
    keep: {
      /** longer than this; auto: by the queue's own past */
      slow: number | 'auto';
      maxPerSecond: number;
    };
    /** how the time that a message was in queues shows */
    queue: 'off' | 'event' | 'span';
    attributes: {
      /** headers that spans show */
      headers: string[];
      /** parts of names that are never shown */
      never: string[];
      /** keys of messages' baggage that spans show */
      baggage: string[];
    };
  };
  rounds: {
    /** attempts after which a message is poisonous */
    poison: number;
  };
  rpc: {
    /** after which an answer is missing */
    timeout: number;
  };
  metrics: {
    /** values a label may have before the rest goes under __overflow__; 0: no limit */
    maxTopics: number;
    /** edges of the service map before the rest goes under __overflow__; 0: no service map */
    maxEdges: number;
    /** idle label values are freed after this long */
    idleAfter: number;
    /** upper bounds in seconds */
    buckets: { latency: number[]; confirm: number[]; processing: number[] };
    /** the same facts under OpenTelemetry's names too */
    openTelemetryNames: boolean;
  };
  page: {
    /** bytes that traces take which are kept for the live page */
    traces: number;
  };
  /** admin servers of other sidecars, with which this one answers for all */
  peers: Peer[];
  drain: { timeout: number };
  limits: {
    connections: number;
    /** open publishes or unsettled deliveries remembered per channel */
    windowPerChannel: number;
    /** newest losses kept for /api/losses */
    losses: number;
    /** poisonous messages kept for /api/poison */
    poison: number;
  };
  process: {
    /** batch: SCHED_BATCH on all threads, where the system lets itself be asked for it */
    schedulingPolicy: 'batch' | 'inherit';
    /** messages of its own pass through the data plane before apps can connect */
    warmUp: boolean;
  };
  /** threads that move traffic; auto: one per processor */
  workers: number | 'auto';
  log: { level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' };
  /** every connection is a plain pipe */
  bypass: boolean;
  faults: {
    /** faults of rules are injected; otherwise they are ignored */
    enabled: boolean;
  };
  /** in order; patterns are still text (src/rules compiles them) */
  rules: Rule[];
  /** in order */
  plugins: PluginSettings[];
}

export interface Upstream {
  host: string;
  port: number;
  tls: boolean;
}

/** Where a sidecar's admin server is asked; the host may be a name of several. */
export interface Peer {
  host: string;
  port: number;
  tls: boolean;
}

/** File paths, read by whoever opens the socket. */
export interface ListenTls {
  cert: string;
  key: string;
  /** CA that signed the apps' certificates */
  ca?: string;
  clientCertificate: 'none' | 'request' | 'require';
}

export interface UpstreamTls {
  ca?: string;
  cert?: string;
  key?: string;
  /** name to verify and to send as SNI; default: the upstream's host */
  serverName?: string;
  verify: boolean;
}
