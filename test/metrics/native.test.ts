import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { EventBus } from '../../src/events/bus.ts';
import { observeExemplars } from '../../src/telemetry/exposition/observe.ts';
import { type Family, familiesIn } from '../../testing/metric-families.ts';
import { tell } from '../../testing/passages.ts';
import { startPrometheus } from '../../testing/prometheus.ts';
import { until } from '../../testing/wait.ts';
import { delivery, TRACE } from '../tracing/fixtures.ts';
import { rig } from './rig.ts';

const PROTOBUF = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';
/** What Prometheus 2 sends with the feature, and Prometheus 3 for targets with native histograms. */
const PROMETHEUS_2 = `${PROTOBUF},application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`;
const PROMETHEUS_3 = `${PROTOBUF};escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2`;

type Rig = ReturnType<typeof rig>;

async function families({ exposition }: Rig, accept = PROTOBUF): Promise<Family[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of exposition.render(accept).body) pieces.push(Buffer.from(piece));
  return familiesIn(Buffer.concat(pieces));
}

describe('Accept', () => {
  test.each([
    [PROTOBUF, true],
    [PROMETHEUS_2, true],
    [PROMETHEUS_3, true],
    [`${PROTOBUF};q=0.4,application/openmetrics-text;q=0.5`, false],
    [`${PROTOBUF};q=0`, false],
    ['application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text', false],
    ['application/vnd.google.protobuf;proto=some.Other;encoding=delimited', false],
    ['application/vnd.google.protobuf', false],
    ['*/*', false],
  ])('%s: protobuf %s', (accept, isProtobuf) => {
    const { contentType } = rig().exposition.render(accept);
    expect(contentType.startsWith('application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily')).toBe(
      isProtobuf,
    );
  });
});

/** What can't stand still while it is read twice. */
const isProcess = (name: string): boolean => /^(process|nodejs)_/.test(name);

function busy(): Rig {
  const made = rig({ server: { address: 'broker', port: 5672 } });
  const publishes = made.recorder.publishes('orders "\\\n', '/');
  publishes.passed(100);
  publishes.succeeded(0.1);
  publishes.lost('nacked', 0.1);
  const deliveries = made.recorder.deliveries('orders', '/', 'billing');
  for (const seconds of [0, 0.01, 0.0101, 0.011, 0.0115, 0.5, 40]) deliveries.first(seconds);
  deliveries.succeeded(0.03, false);
  deliveries.unsettled(2);
  made.thread().recorder.deliveries('orders', '/', 'billing').first(0.02, 5);
  return made;
}

test('every sample of the text is in protobuf, and no other', async () => {
  const made = busy();
  const { samples } = await made.scrape();
  const text = new Map(
    samples.filter(({ name }) => !isProcess(name)).map(({ name, labels, value }) => [keyOf(name, labels), value]),
  );
  const shown = new Map<string, number>();
  const set = (name: string, labels: Record<string, string>, value: number) => shown.set(keyOf(name, labels), value);
  for (const { name, metrics } of await families(made)) {
    if (isProcess(name)) continue;
    for (const { labels, value, histogram } of metrics) {
      if (histogram === undefined) set(name, labels, value);
      else {
        for (const { le, upTo } of histogram.buckets)
          set(`${name}_bucket`, { ...labels, le: le === Number.POSITIVE_INFINITY ? '+Inf' : String(le) }, upTo);
        set(`${name}_sum`, labels, histogram.sum);
        set(`${name}_count`, labels, histogram.count);
      }
    }
  }
  expect(shown).toEqual(text);
});

const keyOf = (name: string, labels: Record<string, string>): string =>
  `${name} ${JSON.stringify(Object.entries(labels).sort())}`;

test('kinds and help are those of the text', async () => {
  const made = busy();
  const { text } = await made.scrape();
  for (const { name, help, type } of await families(made)) {
    expect(text).toContain(`# HELP ${name} ${help}\n`);
    expect(text).toContain(`# TYPE ${name} ${type}\n`);
  }
});

test('native buckets hold the same observations, each in the one that ends behind it', async () => {
  const all = await families(busy());
  const latency = all.find(({ name }) => name === 'event_latency_seconds')?.metrics[0].histogram;
  const native = latency?.native;
  expect([native?.schema, native?.zeroThreshold, native?.zeroCount]).toEqual([4, 2 ** -20, 1]);
  const expected = new Map<number, number>();
  for (const [seconds, count] of [
    [0.01, 1],
    [0.0101, 1],
    [0.011, 1],
    [0.0115, 1],
    [0.02, 5],
    [0.5, 1],
    [40, 1],
  ]) {
    const index = Math.ceil(Math.log2(seconds) * 16);
    expected.set(index, (expected.get(index) ?? 0) + count);
  }
  expect(new Map([...(native?.counts ?? [])].filter(([, count]) => count > 0))).toEqual(expected);
  for (const { metrics } of all) {
    for (const { histogram } of metrics) {
      if (histogram?.native === undefined) continue;
      const { counts, zeroCount } = histogram.native;
      expect([...counts.values()].reduce((sum, count) => sum + count, zeroCount)).toBe(histogram.count);
    }
  }
});

test('exemplars are with the classic buckets', async () => {
  const made = busy();
  const bus = new EventBus(
    () => 1,
    (error) => {
      throw error;
    },
  );
  observeExemplars(bus, made.exposition);
  const events = [delivery({ topic: 'orders', pipeline: '/', latency: 0.5 })];
  bus.attach({ read: (_, listener) => events.splice(0).map((event) => tell(listener, event)).length });
  bus.pump();
  const latency = (await families(made)).find(({ name }) => name === 'event_latency_seconds')?.metrics[0].histogram;
  expect(latency?.buckets.map(({ le, exemplar }) => exemplar && [le, exemplar.traceId, exemplar.value])).toEqual([
    undefined,
    undefined,
    [1, TRACE, 0.5],
    undefined,
  ]);
});

test('Prometheus stores them, and its quantiles are within 5 % of the truth', async () => {
  const made = rig();
  const deliveries = made.recorder.deliveries('orders', '/', 'billing');
  // spread over decades, and nowhere near the ends of the classic buckets
  const seconds = Array.from({ length: 20_000 }, (_, i) => 0.0004 * 10 ** ((3.7 * ((i * 7919) % 20_000)) / 20_000));
  for (const each of seconds) deliveries.first(each);
  seconds.sort((a, b) => a - b);
  const server = createServer(async (request, response) => {
    const { contentType, body } = made.exposition.render(request.headers.accept);
    response.setHeader('content-type', contentType);
    for await (const piece of body) response.write(piece);
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const prometheus = await startPrometheus({ targets: [target], nativeHistograms: true });
  try {
    await until(
      async () => (await prometheus.query('histogram_count(event_latency_seconds)'))[0]?.value === seconds.length,
      'the histogram is stored',
    );
    for (const quantile of [0.01, 0.1, 0.5, 0.9, 0.95, 0.99]) {
      const [{ value }] = await prometheus.query(`histogram_quantile(${quantile}, event_latency_seconds)`);
      const truth = seconds[Math.floor(quantile * seconds.length)];
      expect([quantile, Math.abs(value / truth - 1) < 0.05, value, truth]).toEqual([quantile, true, value, truth]);
    }
    expect((await prometheus.query('up'))[0].value).toBe(1);
  } finally {
    await prometheus.stop();
    server.close();
    server.closeAllConnections();
  }
});
