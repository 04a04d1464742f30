import type { AdminSources } from '../src/admin/sources.ts';
import type { SidecarState } from '../src/api.ts';

const NOW = Date.UTC(2026, 8, 21);

export const STATE: SidecarState = {
  version: '1.2.3',
  id: '5e1f',
  name: 'shop@pod:5673',
  service: 'shop',
  host: 'pod',
  startedAt: NOW - 61_000,
  uptime: 61,
  listen: '127.0.0.1:5673',
  upstreams: [{ address: 'broker:5672', up: true }],
  loss: 'returns',
  config: { file: null, reloads: { success: 0, failure: 0 }, lastReloadFailed: false },
  spans: {
    exporters: [],
    endpoint: null,
    exported: 0,
    dropped: 0,
    kept: { traces: 0, spans: 0, bytes: 0, maxBytes: 0 },
  },
  metrics: { path: '/metrics' },
  connections: 2,
  channels: 3,
  unsettled: 1,
  messages: { published: 10, delivered: 9 },
  lost: 0,
  unknown: 0,
  lossRates: [{ topic: '<script>alert(1)</script>', pipeline: '/', side: 'publish', rate: 0.5 }],
  bypass: false,
  bypassed: [],
  blocked: { connections: 0, reason: null },
  faults: [],
  limits: [],
};

/** Sources of an admin server that know of nothing but their state, and those given. */
export function adminSources(given: Partial<AdminSources> = {}): AdminSources {
  const part = { at: NOW, since: NOW, bounds: [1] };
  return {
    identity: { id: STATE.id, name: STATE.name },
    metrics: () => ({ contentType: 'text/plain', body: nothing() }),
    ready: () => undefined,
    upstreamReachable: async () => undefined,
    state: () => STATE,
    topics: () => ({ ...part, windowSeconds: 60, topics: [] }),
    topicLines: () => ({ ...part, lines: [] }),
    topic: () => undefined,
    pipelinesOf: () => [],
    traces: () => ({ traces: [], matching: 0, kept: STATE.spans.kept, skipped: 0 }),
    trace: async () => [],
    connections: async () => ({ matching: 0, connections: [] }),
    losses: () => ({ losses: [], matching: 0, total: 0, dropped: 0, eventsDropped: 0 }),
    topology: () => ({ nodes: [], edges: [] }),
    findings: () => [],
    lossReasons: ['nacked', 'unroutable'],
    watch: () => () => {},
    changes: {
      faults: () => ({ enabled: false, faults: [] }),
      addFault: async () => Promise.reject(new Error('nothing can be changed')),
      endFaults: async () => [],
      bypass: async (on) => on,
    },
    ...given,
  };
}

async function* nothing(): AsyncIterable<string> {}
