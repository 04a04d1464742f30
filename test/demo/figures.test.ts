import { expect, test } from 'vitest';
import { Exposition } from '../../src/demo/exposition.ts';
import { Figures } from '../../src/demo/figures.ts';

function scrape(counts: { publishes: number; deliveries: number; lost?: number; unknown?: number; within?: number[] }) {
  const { publishes, deliveries, lost = 0, unknown = 0, within = [0, 0, 0] } = counts;
  const lines = [
    `event_throughput_total{topic="orders",side="publish",status="success"} ${publishes - lost}`,
    `event_throughput_total{topic="orders",side="publish",status="failed"} ${lost}`,
    `event_throughput_total{topic="orders",side="consume",status="success"} ${deliveries}`,
    `event_lost_total{topic="orders",side="publish",reason="unroutable"} ${lost}`,
    `event_unknown_total{topic="orders",side="publish",reason="connection_lost"} ${unknown}`,
    ...within.map((count, index) => `event_latency_seconds_bucket{le="${['0.1', '0.2', '+Inf'][index]}"} ${count}`),
  ];
  return new Exposition(lines.join('\n'));
}

test('adds up all sidecars: rates of 5 s, quantiles of 15 s, losses of 60 s, counts since the start', () => {
  const figures = new Figures();
  figures.add([scrape({ publishes: 1000, deliveries: 0, lost: 500 }), scrape({ publishes: 0, deliveries: 1000 })], 0);
  // 80 of 100 within 100 ms, 20 more within 200 ms
  const later = scrape({ publishes: 0, deliveries: 1060, within: [80, 100, 100] });
  figures.add([scrape({ publishes: 1140, deliveries: 0, lost: 510, unknown: 3 }), later], 4_000);
  expect(figures.line()).toBe('publish 35/s  deliver 15/s  p50 62.5 p95 175.0 ms  loss 5.00 %  lost 510  unknown 3');
});

test('what is past its window no longer counts', () => {
  const figures = new Figures();
  for (let second = 0; second <= 90; second++) {
    const early = Math.min(second, 20);
    const counts = {
      publishes: second * 10 + early * 5,
      deliveries: second,
      lost: early,
      within: [early, early, early],
    };
    figures.add([scrape(counts)], second * 1000);
  }
  expect(figures.line()).toBe('publish 10/s  deliver 1/s  p50 n/a p95 n/a ms  loss 0.00 %  lost 20  unknown 0');
});

test('one scrape is no rate yet, and without outcomes there is no loss rate', () => {
  const figures = new Figures();
  figures.add([scrape({ publishes: 5, deliveries: 5 })], 0);
  expect(figures.line()).toBe('publish n/a  deliver n/a  p50 n/a p95 n/a ms  loss n/a  lost 0  unknown 0');
});
