import { Counter, Gauge, Histogram, type OpenMetricsContentType, Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { wordsOf } from '../../testing/passages.ts';
import { rig, textOf } from './rig.ts';

const BOUNDS = [0.01, 0.1, 1];
const [TRACE, SPAN] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
const AT = 1_700_000_000.5;
const IDS = { ids: Uint32Array.from([...wordsOf(TRACE, 4), ...wordsOf(SPAN, 2)]), idsAt: 0 };
const help = 'of a test';

/** The samples of one metric, without HELP and TYPE. */
const samplesOf = (text: string, name: string): string[] =>
  text.split('\n').filter((line) => line.startsWith(`${name}{`) || new RegExp(`^${name}_[a-z]+\\{`).test(line));

/** What prom-client's own metrics write, and what is written of cells that counted the same. */
async function both(format: 'text' | 'openMetrics', topic: string): Promise<Record<'theirs' | 'ours', string>> {
  const open = format === 'openMetrics';
  const registry = new Registry<OpenMetricsContentType>();
  if (open) registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const labels = { topic, pipeline: 'p' };
  const registers = [registry];
  const labelNames = ['topic', 'pipeline'];
  const latency = new Histogram({ name: 'event_latency_seconds', help, labelNames, buckets: BOUNDS, registers });
  const first = new Counter({ name: 'event_first_deliveries_total', help, labelNames, registers });
  const fanout = new Gauge({ name: 'event_fanout', help, labelNames, registers });
  fanout.set(labels, 0.5);
  const { recorder, exposition } = rig({ buckets: { latency: BOUNDS, confirm: [], processing: [] } });
  recorder.publishes(topic, 'p').fanout(0.5);
  for (const seconds of [0.0125, 0.05, 7]) {
    recorder.deliveries(topic, 'p', 'q').first(seconds);
    latency.observe(labels, seconds);
    first.inc(labels);
  }
  const accept = open ? 'application/openmetrics-text' : 'text/plain';
  return { theirs: await registry.metrics(), ours: await textOf(exposition.render(accept)) };
}

describe.each(['text', 'openMetrics'] as const)('in the format %s', (format) => {
  test.each(['orders', 'a\\b "c"\nd', 'Bestellung-ü-注文-🐇'])(
    'samples of %j are written as prom-client does',
    async (topic) => {
      const { theirs, ours } = await both(format, topic);
      for (const name of ['event_latency_seconds', 'event_first_deliveries_total', 'event_fanout']) {
        expect(samplesOf(ours, name)).not.toEqual([]);
        expect(samplesOf(ours, name)).toEqual(samplesOf(theirs, name));
      }
    },
  );
});

test('an exemplar is written as prom-client does', async () => {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const get = () => ({
    name: 'event_latency_seconds',
    help,
    type: 'histogram',
    values: [
      {
        metricName: 'event_latency_seconds_bucket',
        labels: { le: 0.1 },
        sharedLabels: { topic: 'orders', pipeline: 'p' },
        value: 1,
        exemplar: {
          labelSet: { trace_id: TRACE, span_id: SPAN },
          value: 0.05,
          timestamp: AT,
        },
      },
    ],
  });
  registry.registerMetric({ name: 'event_latency_seconds', get } as unknown as Histogram);
  const { recorder, exposition } = rig({ buckets: { latency: BOUNDS, confirm: [], processing: [] } });
  recorder.deliveries('orders', 'p', 'q').first(0.05);
  exposition.noteLatency({ topic: 'orders', pipeline: 'p', queue: '' }, 0.05, IDS, AT);
  const ours = await textOf(exposition.render('application/openmetrics-text'));
  const exemplified = (text: string): string[] => text.split('\n').filter((line) => line.includes('trace_id'));
  expect(exemplified(ours)).toEqual(exemplified(await registry.metrics()));
});

test('many megabytes come whole', async () => {
  const { recorder, exposition } = rig({ maxTopics: 0 });
  const topics = Array.from({ length: 3000 }, (_, i) => `${i}-${'注'.repeat(50)}`);
  for (const topic of topics) recorder.deliveries(topic, 'p', 'q').first(0.05);
  for (let scrape = 0; scrape < 2; scrape++) {
    const text = await textOf(exposition.render());
    expect([...text.matchAll(/^event_latency_seconds_count\{topic="([^"]*)"/gm)].map(([, topic]) => topic)).toEqual(
      topics,
    );
  }
});
