import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventBus } from '../../src/events/bus.ts';
import { MetricSource } from '../../src/telemetry/export/metric-source.ts';
import { createMetricPush, type MetricPush } from '../../src/telemetry/export/metrics.ts';
import { metricsJson, metricsProtobuf, metricsRequest } from '../../src/telemetry/export/metrics-request.ts';
import { observeExemplars } from '../../src/telemetry/exposition/observe.ts';
import type { Sample } from '../../testing/metrics.ts';
import {
  contentOfMetrics,
  type ReceivedPoint,
  type SignalReceiver,
  startGrpcReceiver,
  startSignalReceiver,
} from '../../testing/otlp-signals.ts';
import { tell } from '../../testing/passages.ts';
import { until } from '../../testing/wait.ts';
import { delivery, recordingLog, SPAN, TRACE } from '../tracing/fixtures.ts';
import { rig } from './rig.ts';

/** Something of everything, and latencies that are known. */
function busy() {
  const made = rig({ server: { address: 'broker', port: 5672 } });
  const publishes = made.recorder.publishes('orders "\\\n', '/');
  publishes.passed(100);
  for (const seconds of [0.0001, 0.013, 0.13, 3]) publishes.succeeded(seconds);
  publishes.lost('nacked', 0.1);
  publishes.unknown('connection_lost');
  publishes.confirmed(0.1, 3);
  const deliveries = made.recorder.deliveries('orders', '/', 'billing');
  deliveries.passed(1, true, false);
  for (const seconds of [0, 1e-9, 0.01, 0.0101, 0.5, 40, 1e6]) deliveries.first(seconds);
  deliveries.succeeded(0.03, false);
  deliveries.failed('rejected', 0.3, true);
  deliveries.unsettled(2);
  made.recorder.traffic.upstreamUp('broker:5672', true);
  made.recorder.traffic.connectionClosed('app', 200);
  made.thread().recorder.deliveries('orders', '/', 'billing').first(0.02, 5);
  const bus = new EventBus(
    () => Number.POSITIVE_INFINITY,
    (error) => {
      throw error;
    },
  );
  observeExemplars(bus, made.exposition);
  const events = [delivery({ topic: 'orders', pipeline: '/', latency: 0.5 })];
  bus.attach({ read: (_, listener) => events.splice(0, 1).map((event) => tell(listener, event)).length });
  bus.pump();
  return made;
}

const pushes: MetricPush[] = [];
const receivers: SignalReceiver[] = [];
const before = { ...process.env };
afterEach(async () => {
  for (const push of pushes.splice(0)) await push.shutdown();
  for (const receiver of receivers.splice(0)) await receiver.close();
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
});

async function start(made: Pick<ReturnType<typeof rig>, 'exposition'>, env: Record<string, string>) {
  Object.assign(process.env, env);
  const log = recordingLog();
  const read = () => made.exposition.readings();
  const push = await createMetricPush({ env: process.env, version: '1.2.3', log, read });
  pushes.push(push);
  return { push, lines: log.lines };
}

/** Over which way, and by what variables. */
const WAYS: [string, () => Promise<SignalReceiver>, Record<string, string>][] = [
  ['http/protobuf', startSignalReceiver, {}],
  ['http/json', startSignalReceiver, { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }],
  ['http/protobuf, gzip', startSignalReceiver, { OTEL_EXPORTER_OTLP_METRICS_COMPRESSION: 'gzip' }],
  ['grpc', startGrpcReceiver, { OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'grpc' }],
];

async function exported(made: ReturnType<typeof rig>, way: (typeof WAYS)[number], more: Record<string, string> = {}) {
  const receiver = await way[1]();
  receivers.push(receiver);
  const { push } = await start(made, {
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    ...way[2],
    ...more,
  });
  await push.shutdown();
  const points = receiver.metrics.flat();
  expect(points.length).toBeGreaterThan(20);
  return { receiver, points, push };
}

/** The labels of a scrape that a point has. */
function labelsOf({ attributes }: ReceivedPoint): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => [
      key === 'messaging.system.name' ? 'messaging_system' : key.replaceAll('.', '_'),
      String(value),
    ]),
  );
}

const SCRAPED: Record<string, string> = {
  'messaging.client.operation.duration': 'messaging_client_operation_duration_seconds',
  'messaging.process.duration': 'messaging_process_duration_seconds',
  'messaging.client.sent.messages': 'messaging_client_sent_messages_total',
  'messaging.client.consumed.messages': 'messaging_client_consumed_messages_total',
};
const scrapedName = ({ name }: ReceivedPoint): string => SCRAPED[name] ?? name;

/** Figures that stand still; those of the process do not. */
const isOwn = (name: string): boolean => /^(event|messaging|tracehare)_/.test(name);

/** The points as the lines of a scrape. */
function samplesOf(points: ReceivedPoint[]): Map<string, number> {
  const samples = new Map<string, number>();
  const set = (name: string, labels: Record<string, string>, value: number) =>
    samples.set(keyOf({ name, labels }), value);
  for (const point of points) {
    const name = scrapedName(point);
    if (!isOwn(name)) continue;
    const labels = labelsOf(point);
    if (point.value !== undefined) {
      set(name, labels, point.value);
      continue;
    }
    set(`${name}_sum`, labels, point.sum);
    set(`${name}_count`, labels, point.count);
    let upTo = 0;
    for (const [i, count] of point.counts.entries()) {
      upTo += count;
      set(`${name}_bucket`, { ...labels, le: i < point.bounds.length ? String(point.bounds[i]) : '+Inf' }, upTo);
    }
  }
  return samples;
}

const keyOf = ({ name, labels }: Pick<Sample, 'name' | 'labels'>): string =>
  `${name} ${JSON.stringify(Object.entries(labels).sort())}`;

describe.each(WAYS)('%s', (...way) => {
  test('every figure of a scrape at the same moment, and no other', async () => {
    const made = busy();
    const { points } = await exported(made, way, {
      OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: 'explicit_bucket_histogram',
    });
    const { samples } = await made.scrape();
    const scraped = new Map(samples.filter(({ name }) => isOwn(name)).map((each) => [keyOf(each), each.value]));
    expect(samplesOf(points)).toEqual(scraped);
  });

  test('histograms are exponential by default: as many observations, each within its bucket', async () => {
    const { points } = await exported(busy(), way);
    const [latency] = points.filter(({ name }) => name === 'event_latency_seconds');
    expect(latency.kind).toBe('exponential');
    const { scale, zeroCount, zeroThreshold, offset, counts } = latency.exponential as NonNullable<
      typeof latency.exponential
    >;
    expect([latency.count, zeroCount, zeroThreshold, scale]).toEqual([12, 2, 2 ** -20, 4]);
    const expected = new Map<number, number>();
    for (const [seconds, count] of [
      [0.01, 1],
      [0.0101, 1],
      [0.02, 5],
      [0.5, 1],
      [40, 1],
      [1e6, 1],
    ]) {
      const index = Math.ceil(Math.log2(seconds) * 16) - 1;
      expected.set(index, (expected.get(index) ?? 0) + count);
    }
    const found = counts.flatMap((count, i): [number, number][] => (count === 0 ? [] : [[offset + i, count]]));
    expect(new Map(found)).toEqual(expected);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(10);
  });

  test('exemplars lead to the trace', async () => {
    const { points } = await exported(busy(), way);
    const [latency] = points.filter(({ name }) => name === 'event_latency_seconds');
    expect(latency.exemplars).toEqual([expect.objectContaining({ traceId: TRACE, spanId: SPAN, value: 0.5 })]);
  });

  test('units, kinds and the resource are said', async () => {
    const { points, receiver } = await exported(busy(), way, { OTEL_SERVICE_NAME: 'orders-sidecar' });
    const one = (name: string) => points.find((point) => point.name === name);
    expect(one('event_latency_seconds')).toMatchObject({ unit: 's', temporality: 'cumulative' });
    expect(one('event_bytes_total')).toMatchObject({ unit: 'By', kind: 'sum', temporality: 'cumulative' });
    expect(one('tracehare_unsettled_deliveries')).toMatchObject({ kind: 'gauge', value: 2 });
    expect(one('messaging.process.duration')?.attributes).toMatchObject({
      'messaging.system.name': 'rabbitmq',
      'server.port': 5672,
    });
    expect(one('process_cpu_seconds_total')?.value).toBeGreaterThan(0);
    expect(receiver.resources[0]).toMatchObject({ 'service.name': 'orders-sidecar', 'service.version': '1.2.3' });
  });
});

describe('the same messages as of the SDK', () => {
  test.each([true, false])('explicit buckets: %s', async (isExplicit) => {
    const { exposition } = busy();
    const scope = { name: 'tracehare', version: '1' };
    const source = new MetricSource({ read: () => exposition.readings(), scope, isDelta: false, isExplicit });
    const { scopeMetrics } = (await source.collect()).resourceMetrics;
    const bare = scopeMetrics.map(({ scope, metrics }) => ({
      scope,
      metrics: metrics.map((metric) => ({
        ...metric,
        dataPoints: metric.dataPoints.map(({ startTime, endTime, attributes, value }) => ({
          startTime,
          endTime,
          attributes,
          value,
        })),
      })),
    })) as typeof scopeMetrics;
    const metrics = { resource: resourceFromAttributes({ a: 'b', n: 1, l: ['x'] }), scopeMetrics: bare };
    const request = metricsRequest(metrics);
    const decode = contentOfMetrics;
    expect(decode(Buffer.from(metricsProtobuf(request)))).toEqual(
      decode(Buffer.from(ProtobufMetricsSerializer.serializeRequest(metrics) as Uint8Array)),
    );
    // the SDK says of a resource what would be there if it were not zero
    const json = (bytes: Uint8Array | undefined) =>
      JSON.parse(Buffer.from(bytes ?? []).toString(), (key, value) =>
        key === 'droppedAttributesCount' ? undefined : value,
      );
    expect(json(metricsJson(request))).toMatchObject(json(JsonMetricsSerializer.serializeRequest(metrics)));
  });
});

describe('delta', () => {
  let at = 1_790_000_000_000;
  beforeEach(() => {
    at = 1_790_000_000_000;
  });

  function source(made: ReturnType<typeof rig>) {
    return new MetricSource({
      read: () => made.exposition.readings(),
      scope: { name: 'tracehare' },
      isDelta: true,
      isExplicit: false,
      now: () => at,
    });
  }
  async function collected(of: MetricSource, name: string) {
    at += 1000;
    const { scopeMetrics } = (await of.collect()).resourceMetrics;
    const metric = scopeMetrics[0].metrics.find(({ descriptor }) => descriptor.name === name);
    return metric?.dataPoints[0] as unknown as { startTime: number[]; endTime: number[]; value: never };
  }

  test('is what was gained since the last export that arrived', async () => {
    const made = rig();
    const of = source(made);
    const publishes = made.recorder.publishes('orders', '/');
    publishes.confirmed(0.1, 3);
    expect(await collected(of, 'event_confirm_seconds')).toMatchObject({
      startTime: [1_790_000_000, 0],
      endTime: [1_790_000_001, 0],
      value: { count: 3, positive: { bucketCounts: [3] } },
    });
    of.arrived();
    publishes.confirmed(0.2, 2);
    expect(await collected(of, 'event_confirm_seconds')).toMatchObject({
      startTime: [1_790_000_001, 0],
      value: { count: 2, sum: expect.closeTo(0.4), positive: { bucketCounts: [2] } },
    });
    // that one did not arrive
    publishes.confirmed(0.1);
    expect(await collected(of, 'event_confirm_seconds')).toMatchObject({
      startTime: [1_790_000_001, 0],
      endTime: [1_790_000_003, 0],
      value: { count: 3 },
    });
    of.arrived();
    expect(await collected(of, 'event_confirm_seconds')).toMatchObject({ value: { count: 0 } });
  });

  test('of a series that comes again after it was freed begins at zero', async () => {
    const made = rig({ idleAfter: 1000 });
    const of = source(made);
    made.recorder.publishes('orders', '/').passed(5);
    expect((await collected(of, 'event_bytes_total')).value).toBe(5);
    of.arrived();
    for (const now of [0, 2000, 4000]) made.recorder.sweep(now);
    made.recorder.publishes('orders', '/').passed(7);
    expect((await collected(of, 'event_bytes_total')).value).toBe(7);
  });

  test('leaves gauges as they are, and says so of the rest', async () => {
    const { points } = await exported(busy(), WAYS[0], {
      OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta',
    });
    expect(points.find(({ name }) => name === 'tracehare_unsettled_deliveries')).toMatchObject({ value: 2 });
    const rest = points.filter(({ kind }) => kind !== 'gauge');
    expect(new Set(rest.map(({ temporality }) => temporality))).toEqual(new Set(['delta']));
  });
});

test('metrics are exported again and again, at the interval that is asked for', async () => {
  const receiver = await startSignalReceiver();
  receivers.push(receiver);
  await start(busy(), {
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${receiver.url}/v1/metrics`,
    OTEL_METRIC_EXPORT_INTERVAL: '20',
  });
  await until(
    () => receiver.metrics.length >= 3,
    () => `${receiver.metrics.length} exports`,
  );
});

test('an endpoint that fails is told of once, and counted, and what it missed arrives later', async () => {
  const receiver = await startSignalReceiver();
  receivers.push(receiver);
  receiver.status = 400;
  const { push, lines } = await start(busy(), {
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_METRIC_EXPORT_INTERVAL: '500',
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta',
  });
  await until(
    () => push.figures().failure >= 3,
    () => JSON.stringify(push.figures()),
  );
  receiver.status = 200;
  await until(
    () => push.figures().success >= 1,
    () => JSON.stringify(push.figures()),
  );
  const count = receiver.metrics.flat().find(({ name }) => name === 'event_confirm_seconds')?.count;
  expect(count).toBe(3);
  const warnings = lines.filter(({ level }) => level === 'warn' || level === 'error');
  expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining('metrics could not be exported')]);
});

test.each([
  ['nothing', {}],
  ['an endpoint for all signals', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' }],
  ['none', { OTEL_METRICS_EXPORTER: 'none', OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://127.0.0.1:1' }],
  ['prometheus', { OTEL_METRICS_EXPORTER: 'prometheus' }],
  ['the SDK disabled', { OTEL_METRICS_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'true' }],
])('with %s no figure is read for export', async (_, env) => {
  let reads = 0;
  const log = recordingLog();
  const read = async () => {
    reads++;
    return [];
  };
  const push = await createMetricPush({ env, version: '1', log, read });
  await push.shutdown();
  expect(reads).toBe(0);
});

test('what is no URL is refused in one clear line', async () => {
  const env = { OTEL_METRICS_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'nowhere' };
  const log = recordingLog();
  await expect(createMetricPush({ env, version: '1', log, read: async () => [] })).rejects.toThrow(
    'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: not a URL such as http://127.0.0.1:4318',
  );
});

test('variables that can not be obeyed are told of', async () => {
  const receiver = await startSignalReceiver();
  receivers.push(receiver);
  const { lines } = await start(busy(), {
    OTEL_METRICS_EXPORTER: 'otlp,graphite',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'sometimes',
    OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: 'best',
    OTEL_METRIC_EXPORT_INTERVAL: 'soon',
  });
  expect(lines.map(({ message }) => message)).toEqual([
    expect.stringContaining(
      "OTEL_METRICS_EXPORTER: 'graphite' is not supported; supported are otlp, console, prometheus",
    ),
    expect.stringContaining("TEMPORALITY_PREFERENCE: 'sometimes'"),
    expect.stringContaining("DEFAULT_HISTOGRAM_AGGREGATION: 'best'"),
    expect.stringContaining("OTEL_METRIC_EXPORT_INTERVAL: 'soon' is not a whole number above 0, using 60000"),
  ]);
});
