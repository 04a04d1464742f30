import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ObservedTraffic, startObservedTraffic } from '../../testing/observed-traffic.ts';
import type { Series } from '../../testing/prometheus.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { until } from '../../testing/wait.ts';
import { type Asked, committed, labelValuesOf, marksOf, panelsOf, queriesOf } from './committed.ts';
import { type Oddities, startOddities } from './oddities.ts';

/** What can't be made to happen: its query must answer, if with 0. docs/dashboards.md has the reasons. */
const NEVER = [
  'tracehare_events_dropped_total',
  'tracehare_series_dropped_total',
  'tracehare_correlation_limited_total',
  'tracehare_observer_failures_total',
  'tracehare_clock_reanchored_total',
];

const rulesFolder = new URL('../../dashboards/prometheus/rules/', import.meta.url);
const rules = readdirSync(rulesFolder).map((name) => fileURLToPath(new URL(name, rulesFolder)));

let broker: RabbitMQ;
let oddities: Oddities;
let traffic: ObservedTraffic;
let repeating: Promise<void> | undefined;
let over = false;
let problem: unknown;

beforeAll(async () => {
  broker = await startRabbitMQ();
  oddities = await startOddities(broker);
  traffic = await startObservedTraffic({
    rules,
    targets: [`127.0.0.1:${oddities.sidecar.adminPort}`],
    broker: { port: broker.port, managementPort: broker.management.port },
  });
  // A counter's first value is no increase: only what is counted from here on is one.
  await until(async () => (await traffic.prometheus.query('tracehare_build_info')).length === 4, 'all are scraped');
  await oddities.block();
  repeating = repeat();
});
afterAll(async () => {
  over = true;
  await repeating;
  await traffic?.stop();
  await oddities?.stop();
  await broker?.stop();
});

async function repeat(): Promise<void> {
  while (!over) {
    await oddities.again().catch((error) => {
      problem = error;
    });
  }
}

/** What Grafana makes of its variables: everything chosen, and a window in which all of the test fits. */
function filledIn(expr: string, topic = '.*'): string {
  return expr
    .replaceAll('$__rate_interval', '5m')
    .replaceAll('$__range', '5m')
    .replaceAll('$pipeline', '.*')
    .replaceAll('$instance', '.*')
    .replaceAll('$job', '.*')
    .replaceAll('${' + 'topic:regex}', topic.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .replaceAll('$topic', topic);
}

const valuesOf = (selector: string, label: string) =>
  traffic.prometheus.api(`label/${label}/values`, { 'match[]': selector }) as Promise<string[]>;

/** Series with a value above 0; where one topic must be chosen, of the first that has some. */
async function answer({ expr }: Asked): Promise<Series[]> {
  const topics = /"\$topic"|topic:regex/.test(expr) ? await valuesOf('event_throughput_total', 'topic') : ['.*'];
  for (const topic of topics) {
    const series = (await traffic.prometheus.query(filledIn(expr, topic))).filter(({ value }) => value > 0);
    if (series.length > 0) return series;
  }
  return [];
}

describe.each(committed)('%s beside real traffic', (_, dashboard) => {
  const asked = [...panelsOf(dashboard).flatMap(queriesOf), ...marksOf(dashboard)];

  test('every query of its panels and annotations returns the series they show', async () => {
    for (const each of asked) {
      const { where, expr, shown } = each;
      if (NEVER.some((name) => expr.includes(name))) {
        expect(await traffic.prometheus.query(filledIn(expr)), where).toHaveLength(1);
        continue;
      }
      const series = await until(
        async () => {
          const found = await answer(each);
          return found.length > 0 && found;
        },
        () => `"${where}" shows something: ${filledIn(expr)}; rare things: ${(problem as Error)?.stack ?? 'happened'}`,
        60_000,
      );
      for (const { labels } of series)
        expect(Object.keys(labels), `${where}: ${expr}`).toEqual(expect.arrayContaining(shown));
    }
  });

  test('every variable has values to choose from', async () => {
    for (const { name, selector, label } of labelValuesOf(dashboard))
      await until(async () => {
        for (const topic of await valuesOf('event_throughput_total', 'topic'))
          if ((await valuesOf(filledIn(selector, topic), label)).length > 0) return true;
        return false;
      }, `$${name} has values`);
  });

  test('every query that promises exemplars has some, with the ids of traces', async () => {
    const now = Date.now() / 1000;
    for (const each of asked.filter(({ exemplar }) => exemplar)) {
      await until(
        async () => {
          for (const topic of await valuesOf('event_throughput_total', 'topic')) {
            const range = { start: String(now - 3600), end: String(now + 3600) };
            const query = filledIn(each.expr, each.expr.includes('="$topic"') ? topic : '.*');
            const found = (await traffic.prometheus.api('query_exemplars', { query, ...range })) as {
              exemplars: { labels: { trace_id: string } }[];
            }[];
            if (found.some(({ exemplars }) => exemplars.some(({ labels }) => /^[0-9a-f]{32}$/.test(labels.trace_id))))
              return true;
          }
          return false;
        },
        () => `"${each.where}" has exemplars: ${each.expr}`,
      );
    }
  });
});
