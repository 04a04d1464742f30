import { Counter, Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { Metrics } from '../../testing/metrics.ts';

async function exposition(registry: Registry): Promise<Metrics> {
  const requests = new Counter({
    name: 'things_total',
    help: 'h',
    labelNames: ['topic', 'side'],
    registers: [registry],
  });
  requests.inc({ topic: 'a "quoted" {back\\slash}\nline', side: 'publish' }, 3);
  requests.inc({ topic: 'b', side: 'publish' }, 4);
  requests.inc({ topic: 'b', side: 'consume' }, 0.5);
  const times = new Histogram({ name: 'times_seconds', help: 'h', buckets: [1], registers: [registry] });
  times.observe(0.25);
  times.observe(2);
  return new Metrics(await registry.metrics());
}

test('metrics are read as prom-client writes them', async () => {
  const openMetrics = new Registry();
  openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
  for (const metrics of [await exposition(new Registry()), await exposition(openMetrics)]) {
    expect(metrics.value('things_total', { topic: 'a "quoted" {back\\slash}\nline' })).toBe(3);
    expect(metrics.sum('things_total', { side: 'publish' })).toBe(7);
    expect(metrics.sum('things_total')).toBe(7.5);
    expect(metrics.sum('nothing_total')).toBe(0);
    expect(metrics.value('nothing_total')).toBeUndefined();
    expect(metrics.value('times_seconds_bucket', { le: '+Inf' })).toBe(2);
    expect(metrics.value('times_seconds_sum')).toBe(2.25);
    expect(() => metrics.value('things_total', { topic: 'b' })).toThrow('2 samples of things_total match');
  }
});

test('an exemplar is not mistaken for the value', () => {
  const line = 'times_bucket{le="1"} 7 # {trace_id="a b",span_id="}"} 0.5 1700000000.123';
  expect(new Metrics(line).samples).toEqual([
    {
      name: 'times_bucket',
      labels: { le: '1' },
      value: 7,
      exemplar: '{trace_id="a b",span_id="}"} 0.5 1700000000.123',
    },
  ]);
});
