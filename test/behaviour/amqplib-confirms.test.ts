import type { ConfirmChannel, Message } from 'amqplib';
import { describe, expect, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { closeOf, confirmChannel, connection } from './amqplib.ts';
import { bothWays } from './ways.ts';

bothWays((broker) => {
  const publish = (ch: ConfirmChannel, exchange: string, key: string, options = {}) =>
    new Promise<'ack' | 'nack'>((resolve) => {
      ch.publish(exchange, key, Buffer.from('body'), options, (error) => resolve(error ? 'nack' : 'ack'));
    });

  /** Tags that the broker confirmed, `multiple` spelled out. */
  function confirmed(ch: ConfirmChannel): number[] {
    const tags: number[] = [];
    let upTo = 0;
    const take = ({ deliveryTag, multiple }: { deliveryTag: number; multiple: boolean }) => {
      const first = multiple ? upTo + 1 : deliveryTag;
      for (let tag = first; tag <= deliveryTag; tag++) if (!tags.includes(tag)) tags.push(tag);
      if (multiple) upTo = deliveryTag;
    };
    ch.on('ack', take);
    ch.on('nack', take);
    return tags;
  }

  describe('amqplib: confirms', () => {
    test('every publish is confirmed, numbered from 1', async () => {
      const ch = await confirmChannel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      const tags = confirmed(ch);
      const outcomes = Array.from({ length: 200 }, () => publish(ch, '', queue));
      await ch.waitForConfirms();
      expect(await Promise.all(outcomes)).toEqual(Array(200).fill('ack'));
      expect(tags.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
      expect((await ch.checkQueue(queue)).messageCount).toBe(200);
    });

    test("numbering is a channel's own", async () => {
      const link = await connection(broker.url);
      const [one, two] = [await link.createConfirmChannel(), await link.createConfirmChannel()];
      const [tagsOne, tagsTwo] = [confirmed(one), confirmed(two)];
      await publish(one, 'amq.fanout', 'nowhere');
      await publish(two, 'amq.fanout', 'nowhere');
      await publish(one, 'amq.fanout', 'nowhere');
      expect([tagsOne, tagsTwo]).toEqual([[1, 2], [1]]);
    });

    test('waitForConfirms resolves at once when nothing is open', async () => {
      const ch = await confirmChannel(broker.url);
      await expect(ch.waitForConfirms()).resolves.toEqual([]);
    });

    test('a full queue that rejects publishes nacks them', async () => {
      const ch = await confirmChannel(broker.url);
      const { queue } = await ch.assertQueue('', {
        exclusive: true,
        maxLength: 1,
        arguments: { 'x-overflow': 'reject-publish' },
      });
      expect(await publish(ch, '', queue)).toBe('ack');
      expect(await publish(ch, '', queue)).toBe('nack');
      expect(await publish(ch, '', queue)).toBe('nack');
      ch.publish('', queue, Buffer.from('body'));
      await expect(ch.waitForConfirms()).rejects.toThrow('message nacked');
      expect((await ch.checkQueue(queue)).messageCount).toBe(1);
    });

    test('persistent messages to a durable queue are confirmed', async () => {
      const ch = await confirmChannel(broker.url);
      await ch.assertQueue('durable', { durable: true });
      const outcomes = Array.from({ length: 20 }, () => publish(ch, '', 'durable', { persistent: true }));
      expect(await Promise.all(outcomes)).toEqual(Array(20).fill('ack'));
      expect(await ch.deleteQueue('durable')).toEqual({ messageCount: 20 });
    });
  });

  describe('amqplib: mandatory', () => {
    test('an unroutable message is returned whole, before its ack', async () => {
      const ch = await confirmChannel(broker.url);
      const order: string[] = [];
      const returns: Message[] = [];
      ch.on('return', (message) => {
        order.push('return');
        returns.push(message);
      });
      const options = { mandatory: true, headers: { own: 'header' }, messageId: 'm-7', contentType: 'text/plain' };
      ch.publish('amq.direct', 'nobody', Buffer.from('come back'), options, (error) =>
        order.push(error ? 'nack' : 'ack'),
      );
      await ch.waitForConfirms();
      expect(order).toEqual(['return', 'ack']);
      expect(returns).toHaveLength(1);
      expect(returns[0].fields).toEqual({
        replyCode: 312,
        replyText: 'NO_ROUTE',
        exchange: 'amq.direct',
        routingKey: 'nobody',
      });
      expect(returns[0].content.toString()).toBe('come back');
      expect(returns[0].properties.headers).toEqual({ own: 'header' });
      expect(returns[0].properties.messageId).toBe('m-7');
      expect(returns[0].properties.contentType).toBe('text/plain');
    });

    test('only the unroutable ones come back, each once', async () => {
      const ch = await confirmChannel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      const returned: string[] = [];
      ch.on('return', (message) => returned.push(message.properties.messageId));
      for (let i = 0; i < 50; i++) {
        ch.publish('', i % 3 === 0 ? 'nobody' : queue, Buffer.alloc(i), { mandatory: true, messageId: String(i) });
      }
      await ch.waitForConfirms();
      expect(returned).toEqual(Array.from({ length: 17 }, (_, index) => String(index * 3)));
      expect((await ch.checkQueue(queue)).messageCount).toBe(33);
    });

    test('without confirms the return comes before the next reply', async () => {
      const ch = await (await connection(broker.url)).createChannel();
      const returned: Message[] = [];
      ch.on('return', (message) => returned.push(message));
      ch.publish('', 'nobody', Buffer.alloc(200_000, 'r'), { mandatory: true });
      await ch.checkExchange('amq.direct');
      expect(returned.map((message) => message.content.equals(Buffer.alloc(200_000, 'r')))).toEqual([true]);
      expect(returned[0].properties.headers).toEqual({});
    });

    test('what is not mandatory and unroutable vanishes', async () => {
      const ch = await confirmChannel(broker.url);
      let returns = 0;
      ch.on('return', () => returns++);
      expect(await publish(ch, 'amq.direct', 'nobody')).toBe('ack');
      await ch.checkExchange('amq.direct');
      expect(returns).toBe(0);
    });
  });

  describe('amqplib: publishing in vain', () => {
    test('to a missing exchange closes the channel, and the connection lives on', async () => {
      const link = await connection(broker.url);
      const ch = await link.createConfirmChannel();
      const closed = new Promise((resolve) => ch.once('close', resolve));
      const failure = closeOf(ch);
      const outcome = publish(ch, 'missing', 'key');
      const error = await failure;
      await closed;
      expect(error.code).toBe(404);
      expect(error.message).toBe(
        `Channel closed by server: 404 (NOT-FOUND) with message "NOT_FOUND - no exchange 'missing' in vhost '${broker.vhost.name}'"`,
      );
      expect(await outcome).toBe('nack');
      const next = await link.createChannel();
      await next.checkExchange('amq.direct');
    });

    test('to an exchange deleted midway: what was before it is stored', async () => {
      const ch = await confirmChannel(broker.url);
      const other = await (await connection(broker.url)).createChannel();
      await other.assertExchange('short-lived', 'fanout', { durable: false });
      await other.assertQueue('survivor', { durable: false });
      await other.bindQueue('survivor', 'short-lived', '');
      expect(await publish(ch, 'short-lived', '')).toBe('ack');
      await other.deleteExchange('short-lived');
      const failure = closeOf(ch);
      ch.publish('short-lived', '', Buffer.from('too late'));
      const error = await failure;
      expect(error.code).toBe(404);
      await until(async () => (await other.checkQueue('survivor')).messageCount === 1, 'one message was stored');
      await other.deleteQueue('survivor');
    });
  });
});
