import { expect, test } from 'vitest';
import { startAdmin } from '../../src/admin/server.ts';
import { adminSources } from '../../testing/admin-sources.ts';
import { wordsOf } from '../../testing/passages.ts';
import { startPrometheus } from '../../testing/prometheus.ts';
import { until } from '../../testing/wait.ts';
import { rig } from '../metrics/rig.ts';

test('a real Prometheus scrapes it all, exemplars too, and answers the queries that users write first', async () => {
  const { recorder, exposition } = rig();
  const admin = await startAdmin(
    { host: '127.0.0.1', port: 0 },
    adminSources({ metrics: (accept) => exposition.render(accept) }),
  );
  const prometheus = await startPrometheus({ targets: [admin.address], scrapeInterval: 200, exemplars: true });
  try {
    const publishes = recorder.publishes('orders', '/');
    const deliveries = recorder.deliveries('orders', '/', 'billing');
    const succeeded = 'event_throughput_total{side="publish",status="success"}';
    publishes.succeeded(0.1);
    deliveries.first(0.05);
    await until(async () => (await prometheus.query(succeeded)).length > 0, 'the series has been scraped');
    for (let i = 0; i < 99; i++) publishes.succeeded(0.1);
    for (let i = 0; i < 99; i++) deliveries.first(0.05);
    for (let i = 0; i < 100; i++) publishes.lost('nacked', 0.1);
    const ids = Uint32Array.from([...wordsOf('a'.repeat(32), 4), ...wordsOf('b'.repeat(16), 2)]);
    const names = { topic: 'orders', pipeline: '/', queue: '' };
    exposition.noteLatency(names, 0.05, { ids, idsAt: 0 }, Date.now() / 1000);
    const one = async (query: string) => (await prometheus.query(query))[0]?.value;
    await until(async () => (await one(succeeded)) === 100, 'all has been scraped');
    await until(
      async () => (await one('count_over_time(event_loss_rate{side="publish"}[1m])')) !== undefined,
      'so has the rate',
    );
    expect(await one('rate(event_throughput_total{status="success"}[1m])')).toBeGreaterThan(0);
    // All in the bucket from 0.01 to 0.1: a quantile lies 95 % of the way through it.
    const quantile = 'histogram_quantile(0.95, sum(rate(event_latency_seconds_bucket[1h])) by (le, topic))';
    expect(await one(quantile)).toBeCloseTo(0.01 + 0.95 * 0.09);
    // over time: on a machine that is busy, a scrape may have failed just now
    expect(await one('last_over_time(event_loss_rate{side="publish"}[1m])')).toBe(0.5);
    expect(await one('avg_over_time(event_loss_rate{side="publish"}[5m])')).toBeGreaterThan(0);
    const now = Date.now() / 1000;
    const exemplars = await until(async () => {
      const found = (await prometheus.api('query_exemplars', {
        query: 'event_latency_seconds_bucket',
        start: String(now - 60),
        end: String(now + 60),
      })) as { exemplars: { labels: object; value: string }[] }[];
      return found.length > 0 && found;
    }, 'the exemplar has been scraped');
    expect(exemplars[0].exemplars[0]).toMatchObject({
      labels: { trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16) },
      value: '0.05',
    });
  } finally {
    await prometheus.stop();
    await admin.close();
  }
});
