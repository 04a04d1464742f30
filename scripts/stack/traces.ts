import { deepStrictEqual as equal, ok } from 'node:assert/strict';
import { awaited, json, proof } from './proof.ts';
import type { Stack } from './stack.ts';

interface Span {
  spanID: string;
  processID: string;
  operationName: string;
  references: { refType: string; spanID: string }[];
  tags: { key: string; value: unknown }[];
  /** microseconds, both */
  startTime: number;
  duration: number;
}
export interface Trace {
  traceID: string;
  spans: Span[];
  processes: Record<string, { serviceName: string }>;
}

const EXEMPLARS = ['event_latency_seconds_bucket', 'event_processing_seconds_bucket', 'event_confirm_seconds_bucket'];
/** of each family, the newest */
const FOLLOWED = 5;

/** From figures to traces, and what traces are made of. Gives back an order's trace. */
export async function proveTraces(stack: Stack): Promise<Trace | undefined> {
  for (const family of EXEMPLARS)
    await proof(`exemplars of ${family} lead to traces that Jaeger has`, () => follow(stack, family));

  let order: Trace | undefined;
  await proof(
    "an order's trace has its publish and, as its child, its processing, each told by its own sidecar",
    async () => {
      order = await awaited(
        async () => {
          const query = 'service=order-service&operation=publish%20orders&limit=500&lookback=1h';
          const { data } = await json<{ data: Trace[] }>(`${stack.url('jaeger', 16686)}/api/traces?${query}`);
          return data.filter(isOrder).sort(bestToShow)[0];
        },
        'Jaeger has such a trace',
        120_000,
      );
      const told = order.spans.map((span) => `${serviceOf(order as Trace, span)}: ${span.operationName}`);
      return told.join(', ');
    },
  );
  return order;
}

const serviceOf = ({ processes }: Trace, { processID }: Span) => processes[processID].serviceName;

function isOrder(trace: Trace): boolean {
  const publish = trace.spans.find(({ operationName }) => operationName === 'publish orders');
  const process = trace.spans.find(({ operationName }) => operationName === 'process orders');
  if (publish === undefined || process === undefined) return false;
  equal(serviceOf(trace, publish), 'order-service');
  equal(serviceOf(trace, process), 'payment-service');
  return process.references.some(({ refType, spanID }) => refType === 'CHILD_OF' && spanID === publish.spanID);
}

/** The one with most to see: tried again, failed in the end, and with little time between. */
function bestToShow({ spans: one }: Trace, { spans: other }: Trace): number {
  const failed = (spans: Span[]) => spans.filter(({ tags }) => tags.some(({ key }) => key === 'error')).length;
  const length = (spans: Span[]) =>
    Math.max(...spans.map(({ startTime, duration }) => startTime + duration)) -
    Math.min(...spans.map(({ startTime }) => startTime));
  return other.length - one.length || failed(other) - failed(one) || length(one) - length(other);
}

async function follow(stack: Stack, family: string): Promise<string> {
  interface Exemplar {
    labels: { trace_id: string; span_id: string };
    timestamp: number;
  }
  const found = await awaited(
    async () => {
      const now = Date.now() / 1000;
      const query = new URLSearchParams({ query: family, start: String(now - 600), end: String(now) });
      const { data } = await json<{ data: { exemplars: Exemplar[] }[] }>(
        `${stack.url('prometheus', 9090)}/api/v1/query_exemplars?${query}`,
      );
      const all = data.flatMap(({ exemplars }) => exemplars).sort((one, other) => other.timestamp - one.timestamp);
      return all.length >= FOLLOWED && all;
    },
    `Prometheus has ${FOLLOWED} exemplars of ${family}`,
    180_000,
  );
  for (const { labels } of found.slice(0, FOLLOWED)) {
    ok(labels.trace_id && labels.span_id, `an exemplar without a trace: ${JSON.stringify(labels)}`);
    await awaited(
      async () => {
        const { data } = await json<{ data: Trace[] }>(`${stack.url('jaeger', 16686)}/api/traces/${labels.trace_id}`);
        return data[0].spans.some(({ spanID }) => spanID === labels.span_id);
      },
      `Jaeger has span ${labels.span_id} of trace ${labels.trace_id}`,
      60_000,
    );
  }
  return `the newest ${FOLLOWED} of ${found.length}`;
}
