import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../../testing/folder.ts';
import { type Family, familiesIn } from '../../testing/metric-families.ts';
import { Metrics, type Sample } from '../../testing/metrics.ts';
import {
  type ReceivedPoint,
  type SignalReceiver,
  startGrpcReceiver,
  startSignalReceiver,
} from '../../testing/otlp-signals.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';

// The built sidecar, a real broker, and traffic of known truth: what is scraped as text, OpenMetrics and protobuf, and
// what comes over OTLP, held against it and each other.

const SENT = 300;
const UNROUTABLE = 7;
const REJECTED = 20;
const PROTOBUF = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';
const PROTOCOL = 'application/openmetrics-text; version=1.0.0';

let vhost: Vhost;
let receiver: SignalReceiver;
const folder = temporaryFolder('otlp');
beforeAll(async () => {
  vhost = await createVhost();
  receiver = await startSignalReceiver();
});
afterAll(async () => {
  await receiver?.close();
  await vhost?.remove();
  folder.remove();
});

async function traffic({ port }: Tracehare): Promise<void> {
  const connection = await connect(vhost.url(port));
  const channel = await connection.createConfirmChannel();
  channel.on('return', () => {});
  await channel.assertQueue('orders');
  for (let i = 0; i < SENT; i++) channel.sendToQueue('orders', Buffer.from(String(i)));
  for (let i = 0; i < UNROUTABLE; i++) channel.publish('', 'nowhere', Buffer.from('x'), { mandatory: true });
  await channel.waitForConfirms();
  let seen = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  await channel.consume('orders', (message) => {
    if (message === null) return;
    if (seen++ < REJECTED) channel.reject(message, false);
    else channel.ack(message);
    if (seen === SENT) resolve();
  });
  await promise;
  await channel.close();
  await connection.close();
}

/** Counts and histograms of messages: they stand still once the apps have gone. */
const isMessages = (name: string): boolean => /^(event|messaging)_/.test(name) && !name.startsWith('event_loss_rate');

const keyOf = (name: string, labels: Record<string, string>): string =>
  `${name} ${JSON.stringify(Object.entries(labels).sort())}`;

const byKey = (samples: readonly Sample[]): Map<string, number> =>
  new Map(
    samples.filter(({ name }) => isMessages(name)).map(({ name, labels, value }) => [keyOf(name, labels), value]),
  );

function ofFamilies(families: Family[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const { name, metrics } of families.filter((family) => isMessages(family.name))) {
    for (const { labels, value, histogram } of metrics) {
      if (histogram === undefined) found.set(keyOf(name, labels), value);
      else {
        for (const { le, upTo } of histogram.buckets) {
          const bound = le === Number.POSITIVE_INFINITY ? '+Inf' : String(le);
          found.set(keyOf(`${name}_bucket`, { ...labels, le: bound }), upTo);
        }
        found.set(keyOf(`${name}_sum`, labels), histogram.sum);
        found.set(keyOf(`${name}_count`, labels), histogram.count);
      }
    }
  }
  return found;
}

const NAMES: Record<string, string> = {
  'messaging.client.operation.duration': 'messaging_client_operation_duration_seconds',
  'messaging.process.duration': 'messaging_process_duration_seconds',
  'messaging.client.sent.messages': 'messaging_client_sent_messages_total',
  'messaging.client.consumed.messages': 'messaging_client_consumed_messages_total',
};

function ofPoints(points: ReceivedPoint[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const { name: sent, attributes, value, count, sum, bounds, counts } of points) {
    const name = NAMES[sent] ?? sent;
    if (!isMessages(name)) continue;
    const labels = Object.fromEntries(
      Object.entries(attributes).map(([key, text]) => [
        key === 'messaging.system.name' ? 'messaging_system' : key.replaceAll('.', '_'),
        String(text),
      ]),
    );
    if (value !== undefined) {
      found.set(keyOf(name, labels), value);
      continue;
    }
    let upTo = 0;
    for (const [i, each] of counts.entries()) {
      upTo += each;
      found.set(keyOf(`${name}_bucket`, { ...labels, le: i < bounds.length ? String(bounds[i]) : '+Inf' }), upTo);
    }
    found.set(keyOf(`${name}_sum`, labels), sum);
    found.set(keyOf(`${name}_count`, labels), count);
  }
  return found;
}

/** A file says where all three signals go: variables alone are held by other tests. */
function configFile(): string {
  const to = (signal: string): string => `otlp_http: { endpoint: "${receiver.url}/v1/${signal}" }`;
  const path = join(folder.path, 'otel.yaml');
  writeFileSync(
    path,
    `
file_format: "1.0"
resource: { attributes: [{ name: service.name, value: orders-sidecar }] }
propagator: { composite_list: "tracecontext,b3" }
tracer_provider: { processors: [{ batch: { exporter: { console: } } }], sampler: { always_on: } }
meter_provider:
  readers:
    - periodic:
        interval: 200
        exporter:
          otlp_http: { endpoint: "${receiver.url}/v1/metrics", default_histogram_aggregation: explicit_bucket_histogram }
logger_provider: { processors: [{ batch: { schedule_delay: 100, exporter: { ${to('logs')} } } }] }
`,
  );
  return path;
}

test('text, OpenMetrics, protobuf and OTLP say the same, and that is the truth', async () => {
  const sidecar = await startTracehare({
    upstream: `amqp://127.0.0.1:${vhost.port}`,
    env: { OTEL_CONFIG_FILE: configFile() },
  });
  try {
    await traffic(sidecar);
    const text = await until(async () => {
      const metrics = await sidecar.metrics();
      return metrics.value('tracehare_connections') === 0 && metrics;
    }, 'the apps have gone');
    expect(text.sum('event_throughput_total', { side: 'publish', status: 'success' })).toBe(SENT);
    expect(text.sum('event_lost_total', { side: 'publish', reason: 'unroutable' })).toBe(UNROUTABLE);
    expect(text.sum('event_throughput_total', { side: 'consume', status: 'failed' })).toBe(REJECTED);
    expect(text.sum('event_latency_seconds_count')).toBe(SENT);
    const truth = byKey(text.samples);
    expect(truth.size).toBeGreaterThan(50);

    const openMetrics = new Metrics(await (await sidecar.admin('/metrics', { accept: PROTOCOL })).text());
    expect(byKey(openMetrics.samples)).toEqual(truth);
    const protobuf = await sidecar.admin('/metrics', { accept: PROTOBUF });
    expect(protobuf.headers.get('content-type')).toBe(
      'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
    );
    expect(ofFamilies(familiesIn(new Uint8Array(await protobuf.arrayBuffer())))).toEqual(truth);

    const exports = receiver.metrics.length;
    await until(() => receiver.metrics.length > exports + 1, 'metrics are exported');
    expect(ofPoints(receiver.metrics.at(-1) as ReceivedPoint[])).toEqual(truth);
    expect(receiver.resources.at(-1)).toMatchObject({ 'service.name': 'orders-sidecar' });
  } finally {
    expect(await sidecar.stop()).toBe(0);
  }
  const lost = receiver.logs.filter(({ eventName }) => eventName === 'tracehare.message.lost');
  const reasons = Map.groupBy(lost, ({ attributes }) => attributes['error.type']);
  expect([...reasons].map(([reason, records]) => [reason, records.length]).sort()).toEqual([
    ['rejected', REJECTED],
    ['unroutable', UNROUTABLE],
  ]);
  for (const { traceId, spanId } of lost) expect([traceId, spanId].join()).toMatch(/^[0-9a-f]{32},[0-9a-f]{16}$/);
});

test('over gRPC and without a file, the bundle does the same', async () => {
  const grpc = await startGrpcReceiver();
  const sidecar = await startTracehare({
    upstream: 'amqp://127.0.0.1:1',
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: grpc.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_TRACES_EXPORTER: 'none',
    },
  });
  try {
    await connect(`amqp://127.0.0.1:${sidecar.port}`).catch(() => {});
    await until(
      () => grpc.logs.find(({ eventName }) => eventName === 'tracehare.upstream'),
      'a record of the upstream',
    );
  } finally {
    expect(await sidecar.stop()).toBe(0);
    await grpc.close();
  }
  expect(grpc.metrics.flat().some(({ name }) => name === 'tracehare_build_info')).toBe(true);
});

test('the start says where all of it goes', async () => {
  const sidecar = await startTracehare({
    upstream: `amqp://127.0.0.1:${vhost.port}`,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_METRICS_EXPORTER: 'otlp,console',
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_METRIC_EXPORT_INTERVAL: '50',
    },
  });
  try {
    const line = sidecar.log.find(({ msg }) => msg === 'listening');
    expect(line).toMatchObject({
      spans: `${receiver.url}/v1/traces (http/protobuf)`,
      metrics: `http://127.0.0.1:${sidecar.adminPort}/metrics, ${receiver.url}/v1/metrics (http/protobuf), stdout`,
      logs: `${receiver.url}/v1/logs (http/protobuf)`,
    });
  } finally {
    expect(await sidecar.stop()).toBe(0);
  }
});
