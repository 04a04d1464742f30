import type {
  ConnectionsAnswer,
  Loss,
  LossAnswer,
  MessageEnded,
  Quantiles,
  SidecarRef,
  SidecarState,
  StateAnswer,
  TopicDetail,
  TopicRow,
  TopologyAnswer,
  TraceAnswer,
  TraceSpan,
  TraceSummary,
} from '../../src/api.ts';
import { lineTimes, type Script } from './scripted.ts';

// A shop with something of everything the page can show: two sidecars, losses of both sides, a fault, a slow queue.

export const LOST_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const POINTS = lineTimes().points;
const NOW = Date.now();

const sidecars: SidecarRef[] = [
  { id: 'f3a1c7d0-orders', name: 'orders@10.0.3.7:5673', url: '', error: null },
  { id: '0b77e2a4-payments', name: 'payments@10.0.3.9:5673', url: 'http://10.0.3.9:9673', error: null },
  { id: '', name: 'http://10.0.3.12:9673', url: 'http://10.0.3.12:9673', error: 'connection refused' },
];

function sidecar({ id, name }: SidecarRef, service: string): SidecarState {
  return {
    version: '0.1.0',
    id,
    name,
    service,
    host: `${service}-7d9f8b6c5-x2x4k`,
    startedAt: NOW - 5_412_000,
    uptime: 5412,
    listen: '10.0.3.7:5673',
    upstreams: [
      { address: 'rabbitmq-0.rabbitmq:5672', up: true },
      { address: 'rabbitmq-1.rabbitmq:5672', up: null },
    ],
    loss: 'returns',
    config: {
      file: '/etc/tracehare/tracehare.yaml',
      reloads: { success: 3, failure: 1 },
      lastReloadFailed: service === 'payments',
    },
    spans: {
      exporters: service === 'orders' ? [] : ['otlp'],
      endpoint: service === 'orders' ? null : 'http://tempo:4318/v1/traces',
      exported: service === 'orders' ? 0 : 182_345,
      dropped: service === 'orders' ? 0 : 12,
      kept: { traces: 2415, spans: 6120, bytes: 9_812_345, maxBytes: 16_777_216 },
    },
    metrics: { path: '/metrics' },
    connections: 3,
    channels: 7,
    unsettled: 42,
    messages: { published: 1_204_551, delivered: 1_187_002 },
    lost: 18,
    unknown: 4,
    lossRates: [{ topic: 'orders', pipeline: 'shop', side: 'publish', rate: 0.0042 }],
    bypass: false,
    bypassed: service === 'orders' ? [{ reason: 'amqp_1_0', count: 2 }] : [],
    blocked: { connections: 0, reason: null },
    faults:
      service === 'orders'
        ? [{ type: 'latency', match: '{"exchange":"mails","routingKey":"mail.#"}', toxicity: 0.25, secondsLeft: 84 }]
        : [],
    limits: service === 'orders' ? [{ name: 'metrics.maxTopics', count: 7 }] : [],
  };
}

const [own, peer] = [sidecar(sidecars[0], 'orders'), sidecar(sidecars[1], 'payments')];
export const STATE: StateAnswer = { ...own, sidecars, peers: [peer] };

/** A figure that looks like one that was measured, and is the same each time. */
function wave(seed: number, i: number): number {
  return 0.6 + 0.25 * Math.sin(i / 9 + seed) + 0.15 * Math.sin(i / 2.3 + seed * 7);
}

export function topicRow(topic: string, seed: number, more: Partial<TopicRow> = {}): TopicRow {
  const published = more.published ?? 0.4 * (1 + (seed % 37) * (seed % 11));
  const p50 = 0.0011 * (1 + (seed % 13));
  return {
    topic,
    pipeline: 'shop',
    published,
    consumed: published * 0.98,
    publishedTotal: Math.round(published * 5412),
    consumedTotal: Math.round(published * 5300),
    latency: { p50, p95: p50 * 3.1, p99: p50 * 7.7, count: Math.round(published * 60) },
    lossRate: 0,
    lost: 0,
    unknown: 0,
    unsettled: seed % 5,
    line: {
      rate: Array.from({ length: POINTS }, (_, i) => published * wave(seed, i)),
      p95: Array.from({ length: POINTS }, (_, i) => (i % 31 === 30 ? null : p50 * 3 * wave(seed + 3, i))),
      lost: Array.from({ length: POINTS }, (_, i) => (more.lost && i % 23 === 5 ? 2 : 0)),
    },
    ...more,
  };
}

const topics = [
  topicRow('orders', 3, { published: 212, lossRate: 0.0042, lost: 14, unsettled: 31 }),
  topicRow('payments', 5, { published: 204, lossRate: 0.00001, lost: 3, unknown: 4, unsettled: 9 }),
  topicRow('mails', 8, {
    published: 38.4,
    lost: 1,
    unsettled: 2,
    latency: { p50: 1.2, p95: 4.8, p99: 9.1, count: 2301 },
  }),
  topicRow('stock.reserved', 11, { published: 3.25 }),
  topicRow('audit', 2, {
    published: 0.02,
    consumed: 0,
    latency: { p50: null, p95: null, p99: null, count: 0 },
    lossRate: null,
  }),
];

const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

function heatmap(): number[][] {
  return Array.from({ length: POINTS }, (_, i) =>
    Array.from({ length: BOUNDS.length + 1 }, (_, bucket) => {
      const middle = 4 + 1.6 * Math.sin(i / 14);
      const usual = Math.round(900 * wave(1, i) * Math.exp(-((bucket - middle) ** 2) / 1.6));
      return usual + (i > 52 && i < 64 && bucket === 9 ? 90 : 0);
    }),
  );
}

const quantiles = (p50: number, count = 51_200): Quantiles => ({ p50, p95: p50 * 3.4, p99: p50 * 8.2, count });

const span = (id: string, more: Partial<TraceSpan>): TraceSpan => ({
  spanId: id.padStart(16, '0'),
  parentSpanId: '',
  links: [],
  name: 'publish orders',
  kind: 'producer',
  startMicros: NOW * 1000 - 30_000_000,
  endMicros: NOW * 1000 - 30_000_000 + 2400,
  attributes: {
    'messaging.system': 'rabbitmq',
    'messaging.operation.name': 'publish',
    'messaging.destination.name': 'orders:order.created',
    'messaging.destination.template': 'orders',
    'messaging.rabbitmq.destination.routing_key': 'order.created',
    'messaging.message.body.size': 412,
    'server.address': 'rabbitmq-0.rabbitmq',
    'server.port': 5672,
  },
  events: [],
  status: { code: 'unset', message: '' },
  outcome: 'success',
  sampled: true,
  topic: 'orders',
  service: 'orders',
  sidecar: sidecars[0].id,
  ...more,
});
const BASE = NOW * 1000 - 30_000_000;

export const TRACE: TraceAnswer = {
  sidecars,
  traceId: LOST_TRACE,
  spans: [
    span('1', {}),
    span('2', {
      parentSpanId: '1'.padStart(16, '0'),
      name: 'process orders',
      kind: 'consumer',
      startMicros: BASE + 3100,
      endMicros: BASE + 42_000,
      service: 'payments',
      sidecar: sidecars[1].id,
    }),
    span('3', {
      parentSpanId: '2'.padStart(16, '0'),
      name: 'publish payments',
      topic: 'payments',
      startMicros: BASE + 21_000,
      endMicros: BASE + 24_700,
      service: 'payments',
      sidecar: sidecars[1].id,
      links: [{ traceId: 'c0ffee00577b34da6a3ce929d0e0e473', spanId: 'b7ad6b7169203331' }],
    }),
    span('4', {
      parentSpanId: '3'.padStart(16, '0'),
      name: 'process payments',
      kind: 'consumer',
      topic: 'payments',
      startMicros: BASE + 25_900,
      endMicros: BASE + 88_000,
      outcome: 'lost',
      status: { code: 'error', message: 'rejected' },
      attributes: {
        'messaging.system': 'rabbitmq',
        'messaging.operation.name': 'process',
        'messaging.consumer.group.name': 'payments',
        'error.type': 'rejected',
        'tracehare.attempt': 1,
      },
      events: [{ name: 'reject', atMicros: BASE + 86_500, attributes: { requeue: false } }],
      service: 'payments',
      sidecar: sidecars[1].id,
    }),
  ],
};

const summary = (i: number, more: Partial<TraceSummary> = {}): TraceSummary => ({
  traceId: (0xabc0_0000 + i * 7919).toString(16).padStart(32, '7'),
  startMicros: BASE - i * 1_370_000,
  duration: 0.004 * (1 + ((i * 7) % 23)),
  spans: 2 + (i % 3),
  outcome: 'success',
  reason: '',
  name: i % 3 === 0 ? 'publish payments' : 'publish orders',
  topics: i % 3 === 0 ? ['payments'] : ['orders', 'payments'],
  ...more,
});
const lostSummary = summary(0, {
  traceId: LOST_TRACE,
  outcome: 'lost',
  reason: 'rejected',
  duration: 0.088,
  spans: 4,
  name: 'publish orders',
  topics: ['orders', 'payments'],
});
const traces = [
  lostSummary,
  ...Array.from({ length: 40 }, (_, i) =>
    summary(i + 1, i % 13 === 4 ? { outcome: 'requeued', reason: 'nacked' } : {}),
  ),
];

export const DETAIL: TopicDetail = {
  sidecars,
  at: NOW,
  row: topics[0],
  line: lineTimes(),
  heatmap: { times: lineTimes(), bounds: BOUNDS, counts: heatmap() },
  split: { confirm: quantiles(0.0009), endToEnd: quantiles(0.0044), processing: quantiles(0.021) },
  lost: [
    { side: 'publish', reason: 'unroutable', count: 11 },
    { side: 'consume', reason: 'rejected', count: 3 },
  ],
  unknown: [{ side: 'publish', reason: 'connection_lost', count: 2 }],
  requeued: [{ reason: 'nacked', count: 31 }],
  deadLettered: [{ queue: 'orders.dead', reason: 'expired', count: 6 }],
  redelivered: 31,
  bytes: { publish: 482_123_111, consume: 471_000_123 },
  queues: [
    { queue: 'orders.billing', unsettled: 20, processing: quantiles(0.021) },
    { queue: 'orders.stock', unsettled: 11, processing: quantiles(0.006) },
  ],
  slowest: traces.toSorted((a, b) => b.duration - a.duration).slice(0, 20),
  newest: traces.slice(0, 20),
};

const connections: ConnectionsAnswer = {
  sidecars,
  matching: 3,
  connections: [
    ['order-api', 'order_api', 'node', null, 3],
    ['billing', 'billing', 'pika 1.3.2, CPython 3.12', 'low on memory', 31],
    ['stock', 'stock', 'Java 5.21', null, 11],
  ].map(([app, user, client, blocked, unsettled], i) => ({
    sidecar: sidecars[i % 2].id,
    connection: i + 1,
    app: app as string,
    name: '',
    client: client as string,
    user: user as string,
    vhost: 'shop',
    peer: `10.0.3.${20 + i}:5${i}112`,
    upstream: 'rabbitmq-0.rabbitmq:5672',
    openedAt: NOW - 4_000_000 - i * 60_000,
    bypass: '',
    blocked: blocked as string | null,
    unsettled: unsettled as number,
    channels: [1, 2].map((channel) => ({
      channel,
      state: channel === 1 ? 'confirming' : 'plain',
      prefetch: channel === 1 ? 50 : 0,
      prefetchGlobal: 0,
      unsettled: channel === 1 ? (unsettled as number) : 0,
      openPublishes: channel === 1 ? 0 : 2,
      consumers: channel === 1 ? [{ tag: `ctag-${channel}`, queue: `orders.${app}`, noAck: false }] : [],
      moreConsumers: 0,
    })),
    moreChannels: 0,
  })),
};

const ids = (from: string, to: string) => `${from}>${to}`;
const edge = (kind: 'publish' | 'route' | 'deliver', source: string, target: string, rate: number, lost = 0) => ({
  id: ids(source, target),
  source,
  target,
  kind,
  vhost: 'shop',
  messages: Math.round(rate * 5412),
  lost,
  rate,
  lastSeen: new Date(NOW).toISOString(),
});
const node = (kind: 'app' | 'exchange' | 'queue', name: string) => ({
  id: `${kind}:${name}`,
  kind,
  name,
  vhost: kind === 'app' ? '' : 'shop',
});
const topology: TopologyAnswer = {
  sidecars,
  nodes: [
    node('app', 'order-api'),
    node('app', 'billing'),
    node('app', 'stock'),
    node('app', 'mailer'),
    node('exchange', 'orders'),
    node('exchange', 'payments'),
    node('exchange', 'mails'),
    node('queue', 'orders.billing'),
    node('queue', 'orders.stock'),
    node('queue', 'payments.done'),
    node('queue', 'mails'),
  ],
  edges: [
    edge('publish', 'app:order-api', 'exchange:orders', 212, 11),
    edge('route', 'exchange:orders', 'queue:orders.billing', 200),
    edge('route', 'exchange:orders', 'queue:orders.stock', 198),
    edge('deliver', 'queue:orders.billing', 'app:billing', 199, 3),
    edge('deliver', 'queue:orders.stock', 'app:stock', 198),
    edge('publish', 'app:billing', 'exchange:payments', 204, 3),
    edge('publish', 'app:billing', 'exchange:mails', 38.4),
    edge('route', 'exchange:payments', 'queue:payments.done', 204),
    edge('deliver', 'queue:payments.done', 'app:order-api', 203),
    edge('route', 'exchange:mails', 'queue:mails', 38.4),
    edge('deliver', 'queue:mails', 'app:mailer', 0),
  ],
};

const losses: Loss[] = Array.from({ length: 18 }, (_, i) => ({
  time: new Date(NOW - 30_000 - i * 47_000).toISOString(),
  side: i % 4 === 0 ? 'consume' : 'publish',
  exchange: 'orders',
  routingKey: i % 4 === 0 ? 'order.created' : 'order.crated',
  topic: 'orders',
  pipeline: 'shop',
  queue: i % 4 === 0 ? 'orders.billing' : '',
  reason: i % 4 === 0 ? 'rejected' : 'unroutable',
  traceId: i === 0 ? LOST_TRACE : summary(i).traceId,
  connection: 1 + (i % 2),
  channel: 1,
  connectionName: i % 4 === 0 ? 'billing' : 'order-api',
  sidecar: sidecars[0].id,
  ...(i % 4 !== 0 && { replyCode: 312, replyText: 'NO_ROUTE' }),
}));
const lossAnswer: LossAnswer = { sidecars, losses, matching: 18, total: 18, dropped: 0, eventsDropped: 0 };

export const ENDED: MessageEnded = {
  endedAt: NOW,
  side: 'publish',
  topic: 'orders',
  pipeline: 'shop',
  exchange: 'orders',
  routingKey: 'order.created',
  queue: '',
  outcome: 'success',
  reason: '',
  duration: 0.0014,
  latency: null,
  bodySize: 412,
  redelivered: false,
  app: 'order-api',
  connection: 1,
  channel: 1,
  traceId: LOST_TRACE,
  sampled: true,
  sidecar: sidecars[0].id,
};

export function shop(): Script {
  return {
    state: STATE,
    topics: [...topics],
    answers: {
      state: STATE,
      'topics/detail': DETAIL,
      traces: { sidecars, traces, matching: traces.length, kept: own.spans.kept, skipped: 3 },
      [`traces/${LOST_TRACE}`]: TRACE,
      connections,
      topology,
      losses: lossAnswer,
    },
  };
}

/** Every view, with something in each of its parts. */
export const VIEWS = {
  topics: '#/topics',
  topic: '#/topic?topic=orders&pipeline=shop',
  traces: '#/traces',
  trace: `#/trace/${LOST_TRACE}`,
  losses: '#/losses',
  connections: `#/connections?sidecar=${sidecars[1].id}&connection=2`,
  map: '#/map',
  sidecars: '#/sidecars',
};
