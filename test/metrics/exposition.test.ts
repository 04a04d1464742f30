import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { EventBus } from '../../src/events/bus.ts';
import type { LifecycleEvent } from '../../src/events/lifecycle.ts';
import { observeExemplars } from '../../src/telemetry/exposition/observe.ts';
import { Metrics } from '../../testing/metrics.ts';
import { tell, wordsOf } from '../../testing/passages.ts';
import { delivery } from '../tracing/fixtures.ts';
import { rig } from './rig.ts';

const OPENMETRICS = 'application/openmetrics-text; version=1.0.0';
/** What Prometheus 2 sends. */
const PROMETHEUS =
  'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
const [TRACE, SPAN] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
const AT = 1_700_000_000.5;
const IDS = { ids: Uint32Array.from([1, ...wordsOf(TRACE, 4), ...wordsOf(SPAN, 2)]), idsAt: 1 };
const EXEMPLAR = `{trace_id="${TRACE}",span_id="${SPAN}"}`;
const names = (topic: string, pipeline = '/', queue = '') => ({ topic, pipeline, queue });

/** Something of everything. */
function busy() {
  const made = rig({ server: { address: 'broker', port: 5672 } });
  const publishes = made.recorder.publishes('orders "\\\n', '/');
  publishes.passed(1);
  publishes.succeeded(0.1);
  publishes.lost('nacked', 0.1);
  publishes.unknown('connection_lost');
  publishes.confirmed(0.1);
  publishes.unroutedAsExpected();
  publishes.fanout(2);
  const deliveries = made.recorder.deliveries('orders', '/', 'billing');
  deliveries.passed(1, true, false);
  deliveries.first(0.05);
  deliveries.succeeded(0.03, false);
  deliveries.failed('rejected', 0.03, true);
  deliveries.requeued('nack');
  deliveries.deadLettered('billing', 'expired');
  deliveries.unsettled(1);
  made.recorder.traffic.upstreamUp('broker:5672', true);
  made.recorder.traffic.connectionClosed('app', 200);
  made.recorder.traffic.unobserved('bypass');
  return made;
}

test.each([
  [undefined, 'text/plain; version=0.0.4; charset=utf-8'],
  ['*/*', 'text/plain; version=0.0.4; charset=utf-8'],
  ['text/html,application/xhtml+xml,*/*;q=0.8', 'text/plain; version=0.0.4; charset=utf-8'],
  ['text/plain;q=0.9, application/openmetrics-text;q=0.1', 'text/plain; version=0.0.4; charset=utf-8'],
  ['application/openmetrics-text;q=0', 'text/plain; version=0.0.4; charset=utf-8'],
  [OPENMETRICS, 'application/openmetrics-text; version=1.0.0; charset=utf-8'],
  [PROMETHEUS, 'application/openmetrics-text; version=1.0.0; charset=utf-8'],
])('Accept: %s is answered with %s', async (accept, contentType) => {
  expect(rig().exposition.render(accept).contentType).toBe(contentType);
});

test('both formats show the same samples, in any order of scrapes', async () => {
  const { scrape } = busy();
  const own = ({ name }: { name: string }) => /^(event|messaging|tracehare)_/.test(name);
  const text = (await scrape()).samples.filter(own);
  const openMetrics = (await scrape(OPENMETRICS)).samples.filter(own);
  expect(text.length).toBeGreaterThan(100);
  expect(openMetrics).toEqual(text);
  expect((await scrape()).samples.filter(own)).toEqual(text);
});

test("promtool finds nothing to say of our metrics' names and format", async () => {
  const { scrape } = busy();
  // Node's own figures have names promtool dislikes; they are kept as everyone knows them.
  const ours = (await scrape()).text.split('\n').filter((line) => !/\b(nodejs|process)_/.test(line));
  expect(execFileSync('promtool', ['check', 'metrics'], { input: ours.join('\n'), encoding: 'utf8' })).toBe('');
});

test('process figures keep their names, in both formats', async () => {
  const { scrape } = rig();
  for (const accept of [undefined, OPENMETRICS]) {
    const metrics = await scrape(accept);
    expect(metrics.value('process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(metrics.value('process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(metrics.value('nodejs_version_info', { version: process.version })).toBe(1);
  }
});

test('exemplars stand on the bucket of their value, the newest one, in OpenMetrics only', async () => {
  const { exposition, scrape } = busy();
  exposition.noteLatency(names('orders'), 0.04, { ids: new Uint32Array(6).fill(0xffffffff), idsAt: 0 }, AT);
  exposition.noteLatency(names('orders'), 0.05, IDS, AT);
  exposition.noteProcessing(names('orders', '/', 'billing'), 99, IDS, AT);
  exposition.noteConfirm(names('orders "\\\n'), 0.2, IDS, AT);
  const metrics = await scrape(OPENMETRICS);
  const exemplars = (name: string) =>
    Object.fromEntries(
      metrics.matching(name).flatMap((s) => (s.exemplar === undefined ? [] : [[s.labels.le, s.exemplar]])),
    );
  expect(exemplars('event_latency_seconds_bucket')).toEqual({ '0.1': `${EXEMPLAR} 0.05 1700000000.5` });
  expect(exemplars('event_processing_seconds_bucket')).toEqual({ '+Inf': `${EXEMPLAR} 99 1700000000.5` });
  expect(exemplars('event_confirm_seconds_bucket')).toEqual({ '0.2': `${EXEMPLAR} 0.2 1700000000.5` });
  expect((await scrape()).text).not.toContain('trace_id');
});

test('exemplars find series whose names were folded, or are beyond the limit', async () => {
  const { recorder, exposition, scrape } = rig({ maxTopics: 1 });
  const reply = 'reply.3f2c9a60-4b1d-4c8e-9f00-12ab34cd56ef';
  recorder.deliveries(reply, '/', 'q').first(0.05);
  recorder.deliveries('other', '/', 'q').first(0.05);
  exposition.noteLatency(names(reply), 0.05, IDS, AT);
  exposition.noteLatency(names('other'), 0.5, IDS, AT);
  exposition.noteLatency(names('never seen', '/nowhere'), 0.5, IDS, AT);
  const metrics = await scrape(OPENMETRICS);
  const has = (topic: string, le: string) =>
    metrics.matching('event_latency_seconds_bucket', { topic, le }).map((sample) => sample.exemplar !== undefined);
  expect(has('reply.*', '0.1')).toEqual([true]);
  expect(has('__overflow__', '1')).toEqual([true]);
});

test('a requeued delivery has no processing time, and no exemplar there', async () => {
  const { exposition, recorder, scrape } = busy();
  recorder.deliveries('orders', '/', 'billing').first(0.05);
  const bus = new EventBus(
    () => 1,
    (error) => {
      throw error;
    },
  );
  observeExemplars(bus, exposition);
  const events: LifecycleEvent[] = [
    delivery({ topic: 'orders', pipeline: '/', settlement: 'nack', outcome: 'requeued', reason: 'nack' }),
  ];
  bus.attach({ read: (_, listener) => events.splice(0, 1).map((event) => tell(listener, event)).length });
  const exemplars = async () =>
    (await scrape(OPENMETRICS)).samples.filter(({ exemplar }) => exemplar !== undefined).map(({ name }) => name);
  bus.pump();
  expect(await exemplars()).toEqual(['event_latency_seconds_bucket']);
  events.push(delivery({ topic: 'orders', pipeline: '/' }));
  bus.pump();
  expect(await exemplars()).toEqual(['event_latency_seconds_bucket', 'event_processing_seconds_bucket']);
});

test('figures known elsewhere are asked for at each scrape', async () => {
  const { exposition, scrape } = rig();
  let dropped = 3;
  exposition.register(
    { name: 'tracehare_spans_dropped_total', help: 'Spans dropped.', type: 'counter', labels: [] },
    () => dropped,
  );
  exposition.register(
    { name: 'tracehare_config_reloads_total', help: 'Reloads.', type: 'counter', labels: ['result'] },
    () => [{ labels: { result: 'success' }, value: 2 }],
  );
  expect((await scrape()).value('tracehare_spans_dropped_total')).toBe(3);
  dropped = 4;
  expect((await scrape(OPENMETRICS)).value('tracehare_spans_dropped_total')).toBe(4);
  expect((await scrape()).value('tracehare_config_reloads_total', { result: 'success' })).toBe(2);
});

test('the few figures of the page are those of the scrape', () => {
  const { recorder, exposition } = rig({ maxTopics: 1 });
  recorder.traffic.connections(1);
  recorder.traffic.channels(2);
  const publishes = recorder.publishes('orders', '/');
  publishes.passed(1);
  publishes.passed(1);
  publishes.lost('nacked', 0);
  recorder.deliveries('beyond the limit', '/', 'q').passed(1, false, false);
  expect(exposition.figures()).toEqual({
    connections: 1,
    channels: 2,
    passed: { publish: 2, consume: 1 },
    lossRates: [{ labels: { topic: 'orders', pipeline: '/', side: 'publish' }, value: 1 }],
    folded: { topic: 1 },
    unsettled: 0,
    lost: 1,
    unknown: 0,
    bypassed: {},
    unobserved: {},
  });
});

test('a scrape shows one moment, whatever comes, goes and counts while it is written', async () => {
  const { exposition, recorder, scrape } = rig({ idleAfter: 1 });
  // enough for several pieces
  const topics = Array.from({ length: 300 }, (_, i) => recorder.deliveries(`topic-${i}`, '/', `queue-${i}`));
  const count = () => {
    for (const each of topics) {
      each.passed(1, false, false);
      each.succeeded(0, true);
      each.first(0.5);
    }
  };
  count();
  const { body } = exposition.render();
  let text = '';
  let pieces = 0;
  for await (const piece of body) {
    text += piece;
    if (pieces++ > 0) continue;
    count();
    recorder.publishes('late', '/').passed(1);
    recorder.sweep(0);
    topics[299].unsettled(0);
    exposition.snapshot();
  }
  expect(pieces).toBeGreaterThan(3);
  const metrics = new Metrics(text);
  for (const { name, value, labels } of metrics.samples) {
    if (/^event_(throughput|first|bytes)|^messaging.*(count|messages)/.test(name) && labels.status !== 'failed')
      expect([name, value]).toEqual([name, 1]);
  }
  expect(text).not.toContain('NaN');
  expect(text).not.toContain('"late"');
  expect((await scrape()).value('event_first_deliveries_total', { topic: 'topic-7' })).toBe(2);
});
