import type { ConsumeMessage } from 'amqplib';
import { Connection } from 'rabbitmq-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { Site } from './apps.ts';

let broker: RabbitMQ;
let vhost: Vhost;
let site: Site;
let sidecar: Tracehare;

beforeAll(async () => {
  broker = await startRabbitMQ();
  vhost = await createVhost({ port: broker.port, managementPort: broker.management.port });
  site = new Site(vhost);
  sidecar = await site.sidecar();
});

afterAll(async () => {
  await site?.stop();
  await broker?.stop();
});

/** Figures of the topic that are not 0. */
async function figures(topic: string): Promise<Record<string, number>> {
  const metrics = await sidecar.metrics();
  const found = [
    ...metrics
      .matching('event_throughput_total', { topic })
      .map(({ labels, value }) => [`${labels.side} ${labels.status}`, value] as const),
    ...metrics
      .matching('event_requeued_total', { topic })
      .map(({ labels, value }) => [`requeued ${labels.reason}`, value] as const),
    ['unsettled', metrics.sum('tracehare_unsettled_deliveries', { topic })] as const,
    ['lost', metrics.sum('event_lost_total', { topic })] as const,
    ['unknown', metrics.sum('event_unknown_total', { topic })] as const,
  ];
  return Object.fromEntries(found.filter(([, value]) => value !== 0));
}

/** Waits until the figures are these, and shows what they are if they never are. */
async function expectFigures(topic: string, expected: Record<string, number>): Promise<void> {
  const same = async () => JSON.stringify(Object.entries(await figures(topic)).sort()) === wanted;
  const wanted = JSON.stringify(Object.entries(expected).sort());
  await until(same, 'the figures are the expected').catch(() => {});
  expect(await figures(topic)).toEqual(expected);
}

test('a queue that is deleted under its consumer: told once, what it held is no longer settled, the channel goes on', async () => {
  const [connection, aside] = [await site.connect(sidecar.port), await site.channel(vhost.port)];
  const channel = await connection.createChannel();
  await channel.assertQueue('doomed');
  for (let i = 0; i < 5; i++) channel.sendToQueue('doomed', Buffer.from(String(i)));
  const messages: (ConsumeMessage | null)[] = [];
  await channel.consume('doomed', (message) => messages.push(message), { consumerTag: 'reader' });
  await until(() => messages.length === 5, 'all have been delivered');
  channel.ack(messages[0] as ConsumeMessage);
  channel.ack(messages[1] as ConsumeMessage);
  await channel.checkQueue('doomed');
  await expectFigures('doomed', { 'publish success': 5, 'consume success': 2, unsettled: 3 });

  await aside.deleteQueue('doomed');
  await until(() => messages.length === 6, 'the consumer is told');
  expect(messages[5]).toBeNull();
  channel.ack(messages[2] as ConsumeMessage); // brokers take it
  await channel.assertQueue('spared');
  const gone = { 'publish success': 5, 'consume success': 2, 'requeued consumer_cancelled': 3 };
  await expectFigures('doomed', gone);

  // the same tag again, on another queue
  channel.sendToQueue('spared', Buffer.from('6'));
  await channel.consume('spared', (message) => messages.push(message), { consumerTag: 'reader' });
  await until(() => messages.length === 7, 'the next queue is served');
  channel.ack(messages[6] as ConsumeMessage);
  await channel.checkQueue('spared');
  await expectFigures('spared', { 'publish success': 1, 'consume success': 1 });
  const seconds = (await sidecar.metrics()).matching('event_processing_seconds_count', { topic: 'spared' });
  expect(seconds.map(({ labels, value }) => [labels.queue, value])).toEqual([['spared', 1]]);

  await connection.close();
  await expectFigures('doomed', gone);
});

test('a consumer that cancels itself: what it still holds is settled and counted after', async () => {
  const channel = await site.channel(sidecar.port);
  await channel.assertQueue('left');
  for (let i = 0; i < 3; i++) channel.sendToQueue('left', Buffer.from(String(i)));
  const messages: ConsumeMessage[] = [];
  await channel.consume('left', (message) => messages.push(message as ConsumeMessage), { consumerTag: 'leaver' });
  await until(() => messages.length === 3, 'all have been delivered');
  await channel.cancel('leaver');
  await expectFigures('left', { 'publish success': 3, unsettled: 3 });
  channel.ack(messages[0]);
  channel.nack(messages[2], true, false); // and the one before it
  await channel.checkQueue('left');
  await expectFigures('left', { 'publish success': 3, 'consume success': 1, 'consume failed': 2, lost: 2 });
});

test('a broker that restarts under clients that come back: the figures go on, and are those of the clients', async () => {
  const up = async () => (await sidecar.metrics()).value('tracehare_upstream_up');
  const client = new Connection({ url: vhost.url(sidecar.port), retryLow: 20, retryHigh: 100 });
  let failures = 0;
  client.on('error', () => failures++);
  let consumed = 0;
  const consumer = client.createConsumer(
    { queue: 'steadfast', queueOptions: { durable: true }, qos: { prefetchCount: 5 } },
    async () => {
      consumed++;
    },
  );
  consumer.on('error', () => {});
  const publisher = client.createPublisher({ confirm: true });
  try {
    await until(() => consumer.stats.initialMessageCount !== undefined && client.ready, 'the client is connected');
    let published = 0;
    const publishSome = async (count: number) => {
      // not persistent: none can come a second time
      for (let i = 0; i < count; i++, published++) await publisher.send({ routingKey: 'steadfast' }, String(i));
    };
    const agreed = () => expectFigures('steadfast', { 'publish success': published, 'consume success': published });

    await client.queueDeclare({ queue: 'steadfast', durable: true });
    await publishSome(20);
    await agreed();
    expect(await up()).toBe(1);

    await broker.ctl('eval', 'mnesia:sync_log().'); // that there are such a vhost and queue shall survive
    await broker.kill();
    await until(async () => (await up()) === 0, 'it shows that the broker is down');
    expect((await sidecar.admin('/readyz')).status).toBe(200);
    // a traffic thread's word of the failed dial may still be on its way to who answers
    await until(async () => (await sidecar.admin('/readyz?upstream=1')).status === 503, 'readiness has it too');
    await broker.restart();
    await until(() => client.ready, 'the client is back');
    expect(await up()).toBe(1);
    expect(failures).toBeGreaterThan(0);

    await publishSome(30);
    await until(() => consumed === published, 'all has been consumed');
    await agreed();
    expect(published).toBe(50);
  } finally {
    await publisher.close();
    await consumer.close();
    await client.close();
  }
});
