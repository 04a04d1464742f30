import type { ConfirmChannel } from 'amqplib';
import { describe, expect, test } from 'vitest';
import { confirmChannel, consumer, text } from './amqplib.ts';
import { bothWays } from './ways.ts';

bothWays((broker, onRabbitMQ) => {
  /** What of `published` reaches a queue bound like this, in order. */
  async function reaching(ch: ConfirmChannel, bind: (queue: string) => Promise<unknown>, published: () => void) {
    const { queue } = await ch.assertQueue('', { exclusive: true });
    await bind(queue);
    published();
    await ch.waitForConfirms();
    const { messageCount } = await ch.checkQueue(queue);
    return (await (await consumer(ch, queue, { noAck: true })).first(messageCount)).map(text);
  }

  describe('amqplib: routing', () => {
    test('a direct exchange routes by the whole key', async () => {
      const ch = await confirmChannel(broker.url);
      const got = await reaching(
        ch,
        (queue) => ch.bindQueue(queue, 'amq.direct', 'eu'),
        () => ['eu', 'us', 'eu.de', ''].map((key) => ch.publish('amq.direct', key, Buffer.from(key))),
      );
      expect(got).toEqual(['eu']);
    });

    test('a topic exchange routes by pattern', async () => {
      const ch = await confirmChannel(broker.url);
      const keys = ['order.created', 'order.created.eu', 'order', 'payment.created', 'order..x', ''];
      const publish = () => keys.map((key) => ch.publish('amq.topic', key, Buffer.from(key)));
      expect(await reaching(ch, (queue) => ch.bindQueue(queue, 'amq.topic', 'order.#'), publish)).toEqual([
        'order.created',
        'order.created.eu',
        'order',
        'order..x',
      ]);
      expect(await reaching(ch, (queue) => ch.bindQueue(queue, 'amq.topic', '*.created'), publish)).toEqual([
        'order.created',
        'payment.created',
      ]);
    });

    test('a fanout exchange routes to all, whatever the key', async () => {
      const ch = await confirmChannel(broker.url);
      await ch.assertExchange('all', 'fanout', { durable: false });
      const { queue: other } = await ch.assertQueue('', { exclusive: true });
      await ch.bindQueue(other, 'all', 'ignored');
      const got = await reaching(
        ch,
        (queue) => ch.bindQueue(queue, 'all', ''),
        () => ['a', ''].map((key) => ch.publish('all', key, Buffer.from(`<${key}>`))),
      );
      expect(got).toEqual(['<a>', '<>']);
      expect((await ch.checkQueue(other)).messageCount).toBe(2);
      await ch.deleteExchange('all');
    });

    test('a headers exchange routes by the own headers only', async () => {
      const ch = await confirmChannel(broker.url);
      const publish = () => {
        ch.publish('amq.headers', '', Buffer.from('both'), { headers: { kind: 'a', size: 3 } });
        ch.publish('amq.headers', '', Buffer.from('one'), { headers: { kind: 'a' } });
        ch.publish('amq.headers', '', Buffer.from('none'), { headers: {} });
      };
      const bind = (how: string) => (queue: string) =>
        ch.bindQueue(queue, 'amq.headers', '', { 'x-match': how, kind: 'a', size: 3 });
      expect(await reaching(ch, bind('all'), publish)).toEqual(['both']);
      expect(await reaching(ch, bind('any'), publish)).toEqual(['both', 'one']);
    });

    test('exchanges bound to exchanges pass messages on until they are unbound', async () => {
      const ch = await confirmChannel(broker.url);
      await ch.assertExchange('front', 'topic', { durable: false });
      await ch.assertExchange('back', 'fanout', { durable: false });
      await ch.bindExchange('back', 'front', 'in.#');
      const publish = () => ['in.a', 'out.b'].map((key) => ch.publish('front', key, Buffer.from(key)));
      const bind = (queue: string) => ch.bindQueue(queue, 'back', '');
      expect(await reaching(ch, bind, publish)).toEqual(['in.a']);
      await ch.unbindExchange('back', 'front', 'in.#');
      expect(await reaching(ch, bind, publish)).toEqual([]);
      await ch.deleteExchange('front');
      await ch.deleteExchange('back');
    });

    test('an alternate exchange takes what cannot be routed', async () => {
      const ch = await confirmChannel(broker.url);
      await ch.assertExchange('strays', 'fanout', { durable: false });
      await ch.assertExchange('strict', 'direct', { durable: false, alternateExchange: 'strays' });
      const got = await reaching(
        ch,
        (queue) => ch.bindQueue(queue, 'strays', ''),
        () => ch.publish('strict', 'nobody', Buffer.from('stray'), { mandatory: true }),
      );
      expect(got).toEqual(['stray']);
    });

    test('unbinding a queue with arguments ends its messages', async () => {
      const ch = await confirmChannel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      const args = { 'x-match': 'all', kind: 'a' };
      await ch.bindQueue(queue, 'amq.headers', '', args);
      await ch.unbindQueue(queue, 'amq.headers', '', args);
      ch.publish('amq.headers', '', Buffer.from('x'), { headers: { kind: 'a' } });
      await ch.waitForConfirms();
      expect((await ch.checkQueue(queue)).messageCount).toBe(0);
    });
  });

  describe('amqplib: queues', () => {
    test('the server names a queue without a name', async () => {
      const ch = await confirmChannel(broker.url);
      const one = await ch.assertQueue('', { exclusive: true });
      const two = await ch.assertQueue('', { exclusive: true });
      expect(one).toEqual({ queue: expect.stringMatching(/^amq\.gen-[\w-]{22}$/), messageCount: 0, consumerCount: 0 });
      expect(two.queue).not.toBe(one.queue);
    });

    test('the empty queue name means the one declared last on the channel', async () => {
      const ch = await confirmChannel(broker.url);
      await ch.assertQueue('', { exclusive: true });
      const { queue } = await ch.assertQueue('', { exclusive: true });
      await ch.bindQueue('', 'amq.direct', 'last');
      ch.publish('amq.direct', 'last', Buffer.from('got'));
      ch.publish('amq.direct', 'last', Buffer.from('consumed'));
      await ch.waitForConfirms();
      const first = await ch.get('');
      expect(first && [first.fields.routingKey, text(first)]).toEqual(['last', 'got']);
      expect((await (await consumer(ch, '')).first(1)).map(text)).toEqual(['consumed']);
      expect(await ch.purgeQueue('')).toEqual({ messageCount: 0 });
      expect((await ch.checkQueue(queue)).consumerCount).toBe(1);
    });

    test('declare tells messages and consumers; purge and delete tell how many went', async () => {
      const ch = await confirmChannel(broker.url);
      await ch.assertQueue('counted', { durable: false });
      for (let i = 0; i < 7; i++) ch.sendToQueue('counted', Buffer.from('x'));
      await ch.waitForConfirms();
      expect(await ch.checkQueue('counted')).toEqual({ queue: 'counted', messageCount: 7, consumerCount: 0 });
      expect(await ch.purgeQueue('counted')).toEqual({ messageCount: 7 });
      ch.sendToQueue('counted', Buffer.from('x'));
      await ch.waitForConfirms();
      expect(await ch.deleteQueue('counted')).toEqual({ messageCount: 1 });
      // deleting what is not there is no error since RabbitMQ 3
      expect(await ch.deleteQueue('counted')).toEqual({ messageCount: 0 });
    });

    test('an auto-delete queue goes with its last consumer', async () => {
      const ch = await confirmChannel(broker.url);
      await ch.assertQueue('transient', { durable: false, autoDelete: true });
      const { consumerTag } = await consumer(ch, 'transient');
      await ch.cancel(consumerTag);
      await expect(ch.checkQueue('transient')).rejects.toThrow(`no queue 'transient'`);
    });

    onRabbitMQ(() => {
      test('a quorum queue counts deliveries in a header', async () => {
        const ch = await confirmChannel(broker.url);
        await ch.assertQueue('quorum', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
        ch.sendToQueue('quorum', Buffer.from('again'));
        const incoming = await consumer(ch, 'quorum');
        const [first] = await incoming.first(1);
        expect(broker.asSent(first.properties.headers)).toEqual({});
        ch.nack(first);
        const [, second] = await incoming.first(2);
        expect(broker.asSent(second.properties.headers)).toEqual({ 'x-delivery-count': 1 });
        ch.ack(second);
        await ch.deleteQueue('quorum');
      });
    });
  });
});
