import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { confirmChannel, consumer, channel as openChannel } from '../behaviour/amqplib.ts';

const rules = `rules:
  - match: { exchange: orders, routingKey: '/^(?<kind>[^.]+)\\./' }
    topic: orders.\${kind}
  - match: { exchange: orders, side: consume }
    pipeline: consumers
  - match: { exchange: audit }
    propagate: false
  - match: { queue: audits }
    loss: { deadLetters: true }
  - match: { exchange: quiet }
    loss: off
`;

describe('rules of the file, in a running sidecar', () => {
  let vhost: Vhost;
  let sidecar: Tracehare;
  beforeAll(async () => {
    vhost = await createVhost();
    sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${vhost.port}`, config: rules });
  });
  afterAll(async () => {
    await vhost?.remove();
    await sidecar?.stop();
  });

  /** What one consumer got of the messages published to `exchange`, each under one of `keys`. */
  async function pass(exchange: string, keys: string[], queue: string, noAck = true) {
    const channel = await confirmChannel(vhost.url(sidecar.port));
    await channel.assertExchange(exchange, 'topic');
    await channel.assertQueue(queue);
    await channel.bindQueue(queue, exchange, '#');
    const { first } = await consumer(channel, queue, { noAck });
    for (const key of keys) channel.publish(exchange, key, Buffer.from(key));
    return { channel, messages: await first(keys.length) };
  }

  test('topic and pipeline: both sides of a message under one name', async () => {
    await pass('orders', ['created.eu', 'created.us', 'deleted.eu'], 'billing');
    const shown = await until(async () => {
      const metrics = await sidecar.metrics();
      const of = (labels: Record<string, string>) => metrics.sum('event_throughput_total', labels);
      const counts = [
        of({ topic: 'orders.created', side: 'publish', pipeline: vhost.name }),
        of({ topic: 'orders.created', side: 'consume', pipeline: 'consumers' }),
        of({ topic: 'orders.deleted', side: 'publish', pipeline: vhost.name }),
        of({ topic: 'orders.deleted', side: 'consume', pipeline: 'consumers' }),
      ];
      return counts.join() === '2,2,1,1' && metrics;
    }, 'two created and one deleted are counted on both sides');
    expect(shown.sum('event_throughput_total', { topic: 'orders' })).toBe(0);
  });

  test('propagate: false leaves the message as the app made it', async () => {
    const { messages } = await pass('audit', ['a'], 'audits-plain');
    expect(messages[0].properties.headers ?? {}).toEqual({});
    const others = await pass('other', ['a'], 'others');
    expect(others.messages[0].properties.headers).toHaveProperty('traceparent');
  });

  test('deadLetters: what the queue rejects is no loss', async () => {
    for (const [exchange, queue] of [
      ['audit', 'audits'],
      ['plain', 'plains'],
    ]) {
      const { channel, messages } = await pass(exchange, ['a'], queue, false);
      channel.reject(messages[0], false);
      await channel.checkQueue(queue);
    }
    await until(
      async () => (await sidecar.metrics()).sum('event_lost_total', { topic: 'plain', reason: 'rejected' }) === 1,
      'the rejected message of the other queue is lost',
    );
    expect((await sidecar.metrics()).sum('event_lost_total', { topic: 'audit' })).toBe(0);
  });

  test('loss: off: nothing is learnt of what the broker drops', async () => {
    const channel = await openChannel(vhost.url(sidecar.port));
    for (const exchange of ['quiet', 'loud']) {
      await channel.assertExchange(exchange, 'topic');
      channel.publish(exchange, 'nobody', Buffer.from('x'));
    }
    await channel.checkExchange('quiet');
    await until(
      async () => (await sidecar.metrics()).sum('event_lost_total', { topic: 'loud', reason: 'unroutable' }) === 1,
      'the loss under the default mode is counted',
    );
    const metrics = await sidecar.metrics();
    expect(metrics.sum('event_lost_total', { topic: 'quiet' })).toBe(0);
    expect(metrics.sum('event_throughput_total', { topic: 'quiet', status: 'success' })).toBe(1);
  });
});
