import type { Channel, ConfirmChannel } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Prometheus, startPrometheus } from '../../testing/prometheus.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { consumeAll } from '../../testing/traffic.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { Site, take } from './apps.ts';
import { Spans } from './spans.ts';

let vhost: Vhost;
let site: Site;
let spans: Spans;
let front: Tracehare;
let back: Tracehare;
let crowded: Tracehare;
let prometheus: Prometheus;

const target = ({ adminPort }: Tracehare): string => `127.0.0.1:${adminPort}`;

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
  spans = await Spans.start();
  // an exemplar is looked for behind more messages than the default samples a second
  const all = { OTEL_TRACES_SAMPLER: 'always_on' };
  front = await site.sidecar({ env: spans.from('front', all), args: ['--loss', 'confirms'] });
  back = await site.sidecar({ env: spans.from('back', all) });
  crowded = await site.sidecar({ args: ['--loss', 'off'] });
  prometheus = await startPrometheus({
    targets: [front, back, crowded].map(target),
    scrapeInterval: 500,
    exemplars: true,
  });
});

afterAll(async () => {
  await prometheus?.stop();
  await site?.stop();
  await spans?.stop();
  await vhost?.remove();
});

/** The one answer; undefined while there is none. */
async function one(query: string): Promise<number | undefined> {
  const found = await prometheus.query(query);
  expect(found.length).toBeLessThanOrEqual(1);
  return found[0]?.value;
}

/** Waits for an answer that fits; fails with the last that didn't. */
async function answer(query: string, fits: (value: number) => boolean): Promise<void> {
  let last: number | undefined;
  await until(
    async () => {
      last = await one(query);
      return last !== undefined && fits(last);
    },
    () => `${query} is answered, not with ${last}`,
  );
}

const within = (expected: number, error: number) => (value: number) => Math.abs(value - expected) <= error;

async function confirmChannel(): Promise<ConfirmChannel> {
  return (await site.connect(front.port)).createConfirmChannel();
}

/** A counter starts when it is first scraped: what it counted before is in no rate. */
async function known(topic: string, outgoing: Channel, incoming: Channel): Promise<void> {
  await incoming.assertQueue(topic);
  outgoing.sendToQueue(topic, Buffer.from('the first'));
  await take(incoming, topic);
  await answer(`sum(event_throughput_total{topic="${topic}",status="success"})`, (value) => value === 2);
}

describe('the queries that users write first', () => {
  test('rate(event_throughput_total{status="success"}[1m]): what is published and consumed, a second', async () => {
    const RATE = 40;
    const outgoing = await confirmChannel();
    const incoming = await site.channel(back.port);
    await known('paced', outgoing, incoming);
    await incoming.consume('paced', (message) => incoming.ack(message as never));
    const from = performance.now();
    let sent = 0;
    const timer = setInterval(() => {
      const due = ((performance.now() - from) / 1000) * RATE;
      for (; sent < due; sent++) outgoing.sendToQueue('paced', Buffer.from('x'));
    }, 10);
    try {
      for (const side of ['publish', 'consume']) {
        // only the range is shorter than a dashboard's
        const rate = `rate(event_throughput_total{status="success",topic="paced",side="${side}"}[4s])`;
        await answer(rate, within(RATE, RATE / 20));
      }
    } finally {
      clearInterval(timer);
    }
    await outgoing.waitForConfirms();
    const total = 'event_throughput_total{status="success",topic="paced",side="consume"}';
    await answer(total, (value) => value === sent + 1);
  });

  test('histogram_quantile over event_latency_seconds: how late the consumer came', async () => {
    const outgoing = await confirmChannel();
    const incoming = await site.channel(back.port);
    await known('late', outgoing, incoming);
    for (let i = 0; i < 40; i++) outgoing.sendToQueue('late', Buffer.from(String(i)));
    await outgoing.waitForConfirms();
    const published = performance.now();
    await until(() => performance.now() > published + 1200, 'the consumer is late');
    await consumeAll(incoming, 'late', 40);
    const quantile = 'histogram_quantile(0.95, sum(rate(event_latency_seconds_bucket[1h])) by (le, topic))';
    // All in the bucket from 1 s to 2.5 s, of which it goes 95 % of the way.
    await answer(`${quantile} and on(topic) event_latency_seconds_count{topic="late"}`, within(1 + 0.95 * 1.5, 1e-9));
    await answer('event_latency_seconds_count{topic="late"}', (value) => value === 41);
    await answer('event_latency_seconds_sum{topic="late"}', (value) => value > 40 * 1.2 && value < 41 * 2.5);
  });

  test('exemplars of it lead to the spans that were exported', async () => {
    const now = Date.now() / 1000;
    const query = 'event_latency_seconds_bucket{topic="late"}';
    const found = await until(async () => {
      const range = { query, start: String(now - 60), end: String(now + 60) };
      const series = (await prometheus.api('query_exemplars', range)) as {
        exemplars: { labels: { trace_id: string; span_id: string }; value: string }[];
      }[];
      const exemplars = series.flatMap((each) => each.exemplars);
      return exemplars.some(({ value }) => Number(value) > 1) && exemplars;
    }, 'an exemplar of a late message has come');
    const exported = new Map(
      (await spans.all('late', 82)).map((span) => [`${span.traceId} ${span.spanId}`, span.attributes]),
    );
    for (const { labels, value } of found) {
      const attributes = exported.get(`${labels.trace_id} ${labels.span_id}`);
      expect(attributes).toMatchObject({ 'messaging.operation.name': 'process' });
      expect(attributes?.['tracehare.latency']).toBeCloseTo(Number(value), 6);
    }
  });

  test('avg_over_time(event_loss_rate[5m]): the share of definite losses', async () => {
    const outgoing = await confirmChannel();
    await outgoing.assertExchange('lossy', 'direct');
    await outgoing.assertQueue('lossy');
    await outgoing.bindQueue('lossy', 'lossy', 'there');
    for (let i = 0; i < 40; i++) outgoing.publish('lossy', i % 4 === 0 ? 'nowhere' : 'there', Buffer.from('x'));
    await outgoing.waitForConfirms();
    await answer('event_loss_rate{topic="lossy"}', (value) => value === 0.25);
    // averaged with the scrape that may have come while the outcomes did
    await answer('avg_over_time(event_loss_rate{topic="lossy"}[5m])', within(0.25, 0.02));
    const lost = 'event_lost_total{topic="lossy",side="publish",reason="unroutable"}';
    await answer(lost, (value) => value === 10);
  });
});

describe('cardinality', () => {
  const sum = (labels: string) => `sum(event_throughput_total{instance="${target(crowded)}"${labels}})`;

  test('of 600 topics 500 have a name, the rest is one; no message is missing', async () => {
    const channel = await site.channel(crowded.port);
    let [messages, named] = [0, 0];
    for (let topic = 0; topic < 600; topic++) {
      for (let i = 0; i <= topic % 3; i++) channel.sendToQueue(`one-of-many-${topic}-names`, Buffer.from('x'));
      messages += 1 + (topic % 3);
      if (topic === 499) named = messages;
    }
    await answer(sum(''), (value) => value === messages);
    await answer(`count(count by (topic) (event_throughput_total{instance="${target(crowded)}"}))`, within(501, 0));
    await answer(sum(',topic="__overflow__"'), (value) => value === messages - named);
    await answer(sum(',topic=~"one-of-many-[0-9]+-names"'), (value) => value === named);
    const folded = `tracehare_label_values_folded_total{instance="${target(crowded)}",label="topic"}`;
    await answer(folded, (value) => value > 0);
  });

  test('queues that the broker named and keys of direct reply-to are counted under one name each', async () => {
    const asking = await site.channel(front.port);
    const answering = await site.channel(back.port);
    const queues = await Promise.all([1, 2, 3].map(() => answering.assertQueue('', { exclusive: true })));
    for (const { queue } of queues) {
      await answering.consume(queue, (message) => {
        answering.sendToQueue(message?.properties.replyTo, Buffer.from('42'));
        answering.ack(message as never);
      });
    }
    let answers = 0;
    const ask = async (channel: Channel) => {
      await channel.consume('amq.rabbitmq.reply-to', () => answers++, { noAck: true });
      for (const { queue } of queues) {
        channel.sendToQueue(queue, Buffer.from('?'), { replyTo: 'amq.rabbitmq.reply-to' });
      }
    };
    await ask(asking);
    await ask(await site.channel(front.port)); // has another key
    await until(() => answers === 6, 'every question is answered');
    for (const topic of ['amq.gen-*', 'amq.rabbitmq.reply-to']) {
      for (const side of ['publish', 'consume']) {
        const total = `sum(event_throughput_total{topic="${topic}",side="${side}",status="success"})`;
        await answer(total, (value) => value === 6);
      }
    }
    await answer('sum(event_processing_seconds_count{topic="amq.gen-*",queue="amq.gen-*"})', (value) => value === 6);
    // no name got out by any metric
    const names = '{topic=~"amq.gen-.{3,}|.*reply-to[.].*"} or {queue=~"amq.gen-.{3,}|.*reply-to[.].*"}';
    expect(await prometheus.query(names)).toEqual([]);
  });
});
