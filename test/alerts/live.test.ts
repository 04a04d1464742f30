import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../testing/folder.ts';
import { type ObservedTraffic, shortened, startObservedTraffic } from '../../testing/observed-traffic.ts';
import type { Series } from '../../testing/prometheus.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { until } from '../../testing/wait.ts';
import { ruleFiles, rulesOf, textOf } from './rule-files.ts';

// Rules are executed with windows of seconds for minutes, hours and days (`shortened`); with their own
// windows the rule tests in units/ run them. undelivered.yml, which needs a fan-out, has test/loss.

/** Can't be had here without a sidecar of other buckets; shown by units/latency.yml. */
const EMPTY = ['TracehareLatencyObjectiveUnmeasured'];
/** What the last tests bring about. */
const LAST = ['TraceharePublisherBlocked', 'TracehareBrokerDown', 'TracehareDown'];

const files = ruleFiles.filter((file) => file !== 'undelivered.yml');
const folder = temporaryFolder('rules');
const written = files.map((file) => {
  const path = join(folder.path, file);
  writeFileSync(path, shortened(textOf(file)));
  return path;
});
const all = files.flatMap(rulesOf).map(({ record, alert, expr }) => ({
  name: record ?? (alert as string),
  expr: shortened(expr),
}));

const expressionOf = (name: string) => all.find((rule) => rule.name === name)?.expr as string;

let broker: RabbitMQ;
let traffic: ObservedTraffic;
beforeAll(async () => {
  broker = await startRabbitMQ();
  traffic = await startObservedTraffic({
    rules: written,
    broker: { port: broker.port, managementPort: broker.management.port },
  });
});
afterAll(async () => {
  await traffic?.stop();
  await broker?.stop();
  folder.remove();
});

/** Waits until the expression has had series in the last minutes, and gives their newest values. */
function had(expr: string, what: string): Promise<Series[]> {
  return until(
    async () => {
      const series = await traffic.prometheus.query(`last_over_time((${expr})[5m:1s])`);
      return series.some(({ value }) => Number.isFinite(value)) && series;
    },
    `there is ${what}: ${expr}`,
    60_000,
  ) as Promise<Series[]>;
}

const value = async (expr: string) => (await traffic.prometheus.query(expr))[0]?.value;

test('something happens that is not like the seven days before', async () => {
  // both through the consumer's: the publisher's has no topic left by now
  const outgoing = await connect(traffic.vhost.url(traffic.sidecars.consumer.port));
  const incoming = await connect(traffic.vhost.url(traffic.sidecars.consumer.port));
  const channel = await outgoing.createConfirmChannel();
  const reading = await incoming.createChannel();
  await channel.assertQueue('jump');
  let consumed = 0;
  const consume = () =>
    reading.consume('jump', (message) => {
      if (message === null) return;
      consumed++;
      reading.ack(message);
    });
  const { consumerTag } = await consume();
  const usual = setInterval(() => channel.sendToQueue('jump', Buffer.from('usual')), 50);
  try {
    await had('topic_side:event_throughput:rate1h_median7d{topic="jump"} > 0', 'a norm of its rate');
    const [norm] = await had('topic:event_latency_seconds:p95_1h_median7d{topic="jump"} > 0', 'a norm of its latency');
    await reading.cancel(consumerTag);
    const before = consumed;
    for (let count = 0; count < 500; count++) channel.sendToQueue('jump', Buffer.from('more'));
    await channel.waitForConfirms();
    // Everything has waited for this long by then, far longer than usual.
    await sleep(1000 + 4000 * norm.value);
    await consume();
    await until(() => consumed > before + 500, 'they are consumed');
    for (const name of ['TracehareRateAnomaly', 'TracehareLatencyAnomaly']) await had(expressionOf(name), name);
  } finally {
    clearInterval(usual);
    await outgoing.close();
    await incoming.close();
  }
});

test.each(all.filter(({ name }) => ![...EMPTY, ...LAST].includes(name)))(
  '$name has series: $expr',
  async ({ name, expr }) => {
    await had(expr, name);
  },
);

test.each(all.filter(({ name }) => EMPTY.includes(name)))('$name is accepted, and empty', async ({ expr }) => {
  expect(await traffic.prometheus.query(expr)).toEqual([]);
});

describe('what is recorded', () => {
  test('has the labels that docs/alerts.md says', async () => {
    const page = readFileSync(new URL('../../docs/alerts.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `([\w:]+)`(_w_)? *\| ([^|]+) \|/gm)];
    expect(rows.length).toBeGreaterThan(15);
    for (const [, name, windows, labels] of rows) {
      const series = await traffic.prometheus.query(windows === undefined ? name : `${name}1h`);
      const said = [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label);
      expect(series.length, name).toBeGreaterThan(0);
      for (const { labels } of series)
        expect(Object.keys(labels).toSorted(), name).toEqual([...said, '__name__'].sort());
    }
  });

  test('is what the apps did', async () => {
    // 7 messages a round, one of them for nobody; of the 6 that come, one is rejected
    const ratio = (side: string) =>
      value(`topic_side:event_lost:ratio1h{topic="orders",pipeline="shop",side="${side}"}`);
    expect(await ratio('publish')).toBeCloseTo(1 / 7, 1);
    expect(await ratio('consume')).toBeCloseTo(1 / 6, 1);
    expect(await value('topic_queue:tracehare_unsettled_deliveries:sum{queue="stuck"}')).toBe(traffic.count.stuck);
    const queues = (await had(expressionOf('TracehareConsumersStuck'), 'a queue')).map(({ labels }) => labels.queue);
    expect(queues).toContain('stuck');
    const stormy = (await had(expressionOf('TracehareRedeliveryStorm'), 'a storm')).map(({ labels }) => labels.topic);
    expect(stormy).toContain('poisoned');
  });
});

test('every query of the docs is accepted', async () => {
  for (const page of ['alerts.md', 'runbooks.md']) {
    const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
    const queries = [...text.matchAll(/^```promql\n(.*?)```/gms)].map(([, query]) => query);
    expect(queries.length).toBeGreaterThan(0);
    for (const query of queries) await traffic.prometheus.query(query);
  }
});

describe('at last', () => {
  test('a broker with a memory alarm shows as TraceharePublisherBlocked', async () => {
    await broker.ctl('set_vm_memory_high_watermark', '0.000001');
    const [{ labels }] = await had(expressionOf('TraceharePublisherBlocked'), 'a blocked publisher');
    expect(labels).toMatchObject({ instance: `127.0.0.1:${traffic.sidecars.publisher.adminPort}`, pipeline: 'shop' });
  });

  test('a broker that is gone shows as TracehareBrokerDown', async () => {
    await broker.kill();
    expect(await had(expressionOf('TracehareBrokerDown'), 'a broker that is down')).toMatchObject([
      { labels: { pipeline: 'shop' } },
    ]);
  });

  test('a sidecar that is gone shows as TracehareDown', async () => {
    await traffic.sidecars.lonely.kill();
    const gone = `127.0.0.1:${traffic.sidecars.lonely.adminPort}`;
    // not the only one, perhaps: a sidecar that was too slow for a scrape of half a second has been down as well
    await until(async () => {
      const down = await had(expressionOf('TracehareDown'), 'a sidecar that is down');
      return down.some(({ labels }) => labels.instance === gone);
    }, 'this one is down');
  });
});
