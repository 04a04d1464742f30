import { connect } from 'amqplib';
import { expect, test } from 'vitest';
import { startTracehare } from '../../testing/tracehare.ts';
import { createVhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';

test('which messages were lost, asked of a running sidecar', async () => {
  const vhost = await createVhost();
  const sidecar = await startTracehare({
    upstream: `amqp://127.0.0.1:${vhost.port}`,
    config: `
pipeline: shop
limits: { losses: 3 }
rules:
  - { match: { exchange: amq.fanout }, loss: { unroutable: expected } }
`,
  });
  try {
    const connection = await connect(vhost.url(sidecar.port), {
      clientProperties: { connection_name: 'order-service' },
    });
    const channel = await connection.createChannel();
    const { queue } = await channel.assertQueue('orders');
    for (const key of ['a', 'b', 'c', 'd']) channel.publish('amq.direct', key, Buffer.from('x'), { messageId: key });
    channel.publish('amq.fanout', '', Buffer.from('nobody has to listen'));
    channel.sendToQueue(queue, Buffer.from('x'));
    await channel.checkQueue(queue); // behind all returns
    const message = await until(() => channel.get(queue), 'the message is there');
    channel.reject(message, false);
    await channel.checkQueue(queue);

    const ask = async (query: string) => (await sidecar.admin(`/api/losses${query}`)).json() as Promise<Found>;
    const found = await until(async () => {
      const answer = await ask('');
      return answer.total === 5 && answer;
    }, 'all five are in the log');
    expect(found).toMatchObject({ matching: 3, dropped: 2, eventsDropped: 0 });
    expect(found.losses.map(({ reason, routingKey }) => [reason, routingKey])).toEqual([
      ['rejected', 'orders'],
      ['unroutable', 'd'],
      ['unroutable', 'c'],
    ]);
    const [rejected, returned] = found.losses;
    expect(rejected).toMatchObject({
      side: 'consume',
      queue: 'orders',
      topic: 'orders',
      connectionName: 'order-service',
    });
    expect(returned).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      side: 'publish',
      exchange: 'amq.direct',
      routingKey: 'd',
      topic: 'amq.direct',
      pipeline: 'shop',
      queue: '',
      reason: 'unroutable',
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      connection: 1,
      channel: 1,
      connectionName: 'order-service',
      sidecar: expect.stringMatching(/^[0-9a-f-]{36}$/),
      replyCode: 312,
      replyText: 'NO_ROUTE',
      messageId: 'd',
    });
    expect((await ask('?side=consume')).losses).toEqual([rejected]);
    expect((await ask('?topic=amq.direct&limit=1')).losses).toEqual([returned]);
    expect((await sidecar.admin('/api/losses?reason=gone')).status).toBe(400);

    const metrics = await sidecar.metrics();
    expect(metrics.sum('event_lost_total')).toBe(5);
    expect(metrics.value('event_unrouted_expected_total', { topic: 'amq.fanout', pipeline: 'shop' })).toBe(1);
    expect(metrics.value('event_loss_rate', { topic: 'amq.fanout' })).toBeUndefined();
    expect(metrics.value('event_loss_rate', { topic: 'amq.direct' })).toBe(1);
    expect(metrics.value('messaging_client_consumed_messages_total', { messaging_operation_name: 'receive' })).toBe(1);
    await connection.close();
  } finally {
    await sidecar.stop();
    await vhost.remove();
  }
});

interface Found {
  losses: Record<string, unknown>[];
  matching: number;
  total: number;
  dropped: number;
  eventsDropped: number;
}
