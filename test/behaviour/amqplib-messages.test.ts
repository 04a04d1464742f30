import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { channel, confirmChannel, connection, consumer, get, text } from './amqplib.ts';
import { bothWays } from './ways.ts';

const FRAME = 131_072; // what RabbitMQ negotiates; a body frame holds 8 bytes less
const sha256 = (body: Buffer) => createHash('sha256').update(body).digest('hex');

bothWays((broker, onRabbitMQ) => {
  describe('amqplib: bodies', () => {
    test.each([0, 1, FRAME - 9, FRAME - 8, FRAME - 7, FRAME, 2 * (FRAME - 8), 1_048_576])(
      'a body of %i bytes arrives as it was sent',
      async (size) => {
        const ch = await channel(broker.url);
        const { queue } = await ch.assertQueue('', { exclusive: true });
        const body = randomBytes(size);
        ch.sendToQueue(queue, body);
        const [message] = await (await consumer(ch, queue, { noAck: true })).first(1);
        expect(message.content.length).toBe(size);
        expect(message.content.equals(body)).toBe(true);
        expect(broker.asSent(message.properties.headers)).toEqual({});
      },
    );

    test('big bodies go both ways at once on many channels', async () => {
      const link = await connection(broker.url);
      const bodies = Array.from({ length: 4 }, () => randomBytes(3_000_001));
      const rounds = bodies.map(async (body) => {
        const ch = await link.createConfirmChannel();
        const { queue } = await ch.assertQueue('', { exclusive: true });
        const incoming = await consumer(ch, queue, { noAck: true });
        for (let i = 0; i < 5; i++) ch.sendToQueue(queue, body);
        await ch.waitForConfirms();
        return (await incoming.first(5)).map((message) => sha256(message.content));
      });
      expect(await Promise.all(rounds)).toEqual(bodies.map((body) => Array(5).fill(sha256(body))));
    });

    test('order is kept within a channel', async () => {
      const ch = await channel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      const incoming = await consumer(ch, queue, { noAck: true });
      const sizes = Array.from({ length: 500 }, (_, index) => (index * 7919) % 5000);
      for (const size of sizes) ch.sendToQueue(queue, Buffer.alloc(size));
      expect((await incoming.first(500)).map((message) => message.content.length)).toEqual(sizes);
    });
  });

  describe('amqplib: settling', () => {
    test('an acked message is gone; an unsettled one comes back redelivered', async () => {
      const link = await connection(broker.url);
      const first = await link.createChannel();
      const { queue } = await first.assertQueue('settle-ack', { durable: false });
      for (const body of ['a', 'b', 'c']) first.sendToQueue(queue, Buffer.from(body));
      const messages = await (await consumer(first, queue)).first(3);
      expect(messages.map((message) => message.fields)).toEqual(
        ['1', '2', '3'].map((tag) => ({
          consumerTag: messages[0].fields.consumerTag,
          deliveryTag: Number(tag),
          redelivered: false,
          exchange: '',
          routingKey: 'settle-ack',
        })),
      );
      first.ack(messages[1]);
      await first.close();
      const second = await link.createChannel();
      const back = await (await consumer(second, queue)).first(2);
      expect(back.map(text)).toEqual(['a', 'c']);
      expect(back.map((message) => message.fields.redelivered)).toEqual([true, true]);
      second.ackAll();
      expect(await second.deleteQueue(queue)).toEqual({ messageCount: 0 });
    });

    test('ack with multiple takes all before it', async () => {
      const link = await connection(broker.url);
      const first = await link.createChannel();
      await first.assertQueue('settle-multiple', { durable: false });
      for (let i = 0; i < 10; i++) first.sendToQueue('settle-multiple', Buffer.from(String(i)));
      const messages = await (await consumer(first, 'settle-multiple')).first(10);
      first.ack(messages[6], true);
      await first.close();
      const second = await link.createChannel();
      const back = await (await consumer(second, 'settle-multiple')).first(3);
      expect(back.map(text)).toEqual(['7', '8', '9']);
      second.nackAll(false);
      expect(await second.deleteQueue('settle-multiple')).toEqual({ messageCount: 0 });
    });

    test('nack and reject requeue or drop, one or several', async () => {
      const ch = await confirmChannel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      for (const body of ['a', 'b', 'c', 'd']) ch.sendToQueue(queue, Buffer.from(body));
      await ch.waitForConfirms();
      const [a, b, c, d] = [await get(ch, queue), await get(ch, queue), await get(ch, queue), await get(ch, queue)];
      ch.nack(b, true, false); // a and b are dropped
      ch.reject(c, true);
      ch.nack(d, false, true);
      const again = [await get(ch, queue), await get(ch, queue)];
      expect(again.map((message) => [text(message), message.fields.redelivered])).toEqual([
        ['c', true],
        ['d', true],
      ]);
      expect([a, b].map((message) => message.fields.redelivered)).toEqual([false, false]);
      expect(await ch.get(queue)).toBe(false);
      ch.reject(again[0], false);
      ch.nackAll(true);
      expect(text(await get(ch, queue))).toBe('d');
      expect(await ch.get(queue)).toBe(false);
    });

    test('recover brings unsettled messages back to their consumer', async () => {
      const ch = await channel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      ch.sendToQueue(queue, Buffer.from('again'));
      const incoming = await consumer(ch, queue);
      await incoming.first(1);
      await ch.recover();
      const [first, second] = await incoming.first(2);
      expect([first, second].map((message) => [text(message), message.fields])).toEqual([
        [
          'again',
          { consumerTag: incoming.consumerTag, deliveryTag: 1, redelivered: false, exchange: '', routingKey: queue },
        ],
        [
          'again',
          { consumerTag: incoming.consumerTag, deliveryTag: 2, redelivered: true, exchange: '', routingKey: queue },
        ],
      ]);
      expect(broker.asSent(second.properties.headers)).toEqual({});
    });

    test('a rejected message is dead-lettered with its headers and its history', async () => {
      const ch = await channel(broker.url);
      const { queue: graves } = await ch.assertQueue('', { exclusive: true });
      const { queue } = await ch.assertQueue('', {
        exclusive: true,
        deadLetterExchange: '',
        deadLetterRoutingKey: graves,
      });
      ch.sendToQueue(queue, Buffer.from('poor'), { headers: { own: 'header' } });
      const [message] = await (await consumer(ch, queue)).first(1);
      ch.reject(message, false);
      const [dead] = await (await consumer(ch, graves)).first(1);
      const { own, 'x-death': deaths } = broker.asSent(dead.properties.headers);
      expect(own).toBe('header');
      expect(deaths).toEqual([
        {
          count: 1,
          reason: 'rejected',
          queue,
          time: { '!': 'timestamp', value: expect.any(Number) },
          exchange: '',
          'routing-keys': [queue],
        },
      ]);
    });

    test('settling with an unknown tag closes the channel', async () => {
      const ch = await channel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      ch.sendToQueue(queue, Buffer.from('once'));
      const [message] = await (await consumer(ch, queue)).first(1);
      const failure = new Promise<Error>((resolve) => ch.once('error', resolve));
      ch.ack(message);
      ch.ack(message);
      expect((await failure).message).toBe(
        'Channel closed by server: 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - unknown delivery tag 1"',
      );
    });
  });

  describe('amqplib: getting and consuming', () => {
    test('get returns the message and how many are left, or nothing', async () => {
      const ch = await confirmChannel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      ch.sendToQueue(queue, Buffer.from('one'), { headers: { n: 1 } });
      ch.sendToQueue(queue, Buffer.alloc(0));
      await ch.waitForConfirms();
      const one = await get(ch, queue);
      expect(one.fields).toEqual({
        deliveryTag: 1,
        redelivered: false,
        exchange: '',
        routingKey: queue,
        messageCount: 1,
      });
      expect(text(one)).toBe('one');
      expect(broker.asSent(one.properties.headers)).toEqual({ n: 1 });
      const two = await get(ch, queue, { noAck: true });
      expect([two.fields.messageCount, two.fields.deliveryTag, two.content.length]).toEqual([0, 2, 0]);
      expect(await ch.get(queue)).toBe(false);
    });

    test('a cancelled consumer gets nothing more', async () => {
      const ch = await confirmChannel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      const incoming = await consumer(ch, queue, { consumerTag: 'mine', noAck: true });
      ch.sendToQueue(queue, Buffer.from('before'));
      await incoming.first(1);
      expect(await ch.cancel('mine')).toEqual({ consumerTag: 'mine' });
      ch.sendToQueue(queue, Buffer.from('after'));
      await ch.waitForConfirms();
      expect(await ch.checkQueue(queue)).toEqual({ queue, messageCount: 1, consumerCount: 0 });
      expect(incoming.got.length).toBe(1);
    });

    test('a consumer is told when its queue is deleted', async () => {
      const ch = await confirmChannel(broker.url);
      await ch.assertQueue('doomed', { durable: false });
      const incoming = await consumer(ch, 'doomed');
      await ch.deleteQueue('doomed');
      await incoming.first(1);
      expect(incoming.got).toEqual([null]);
    });

    test('the same consumer tag on two channels means two consumers', async () => {
      const link = await connection(broker.url);
      const [one, two] = [await link.createChannel(), await link.createChannel()];
      const [queueOne, queueTwo] = [
        (await one.assertQueue('', { exclusive: true })).queue,
        (await two.assertQueue('', { exclusive: true })).queue,
      ];
      const fromOne = await consumer(one, queueOne, { consumerTag: 'same' });
      const fromTwo = await consumer(two, queueTwo, { consumerTag: 'same' });
      one.sendToQueue(queueTwo, Buffer.from('for two'));
      two.sendToQueue(queueOne, Buffer.from('for one'));
      expect((await fromOne.first(1)).map(text)).toEqual(['for one']);
      expect((await fromTwo.first(1)).map(text)).toEqual(['for two']);
    });

    test.each([
      ['a consumer', false],
      ['a channel', true],
    ])('prefetch limits what is unsettled for %s', async (_, global) => {
      const ch = await confirmChannel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      await ch.prefetch(3, global);
      for (let i = 0; i < 10; i++) ch.sendToQueue(queue, Buffer.from(String(i)));
      await ch.waitForConfirms();
      const incoming = await consumer(ch, queue);
      const three = await incoming.first(3);
      expect((await ch.checkQueue(queue)).messageCount).toBe(7);
      expect(incoming.got.length).toBe(3);
      ch.ack(three[1], true);
      expect((await incoming.first(5)).map(text)).toEqual(['0', '1', '2', '3', '4']);
      expect((await ch.checkQueue(queue)).messageCount).toBe(5);
    });

    test('a request is answered over direct reply-to', async () => {
      const client = await channel(broker.url);
      const server = await channel(broker.url);
      const { queue } = await server.assertQueue('', { exclusive: true });
      await server.consume(
        queue,
        (request) => {
          if (request === null) return;
          const { replyTo, correlationId } = request.properties;
          server.sendToQueue(replyTo, Buffer.from(`${request.content} back`), { correlationId });
        },
        { noAck: true },
      );
      const replies = await consumer(client, 'amq.rabbitmq.reply-to', { noAck: true });
      client.sendToQueue(queue, Buffer.from('there'), { replyTo: 'amq.rabbitmq.reply-to', correlationId: '7' });
      const [reply] = await replies.first(1);
      expect([text(reply), reply.properties.correlationId, reply.fields.exchange]).toEqual(['there back', '7', '']);
      expect(reply.fields.routingKey).toMatch(/^amq\.rabbitmq\.reply-to\./);
      expect(broker.asSent(reply.properties.headers)).toEqual({});
    });

    onRabbitMQ(() => {
      test('a stream is read from the offset asked for, with the offset in the headers', async () => {
        const ch = await confirmChannel(broker.url);
        await ch.assertQueue('events', { durable: true, arguments: { 'x-queue-type': 'stream' } });
        for (let i = 0; i < 20; i++) ch.sendToQueue('events', Buffer.from(String(i)));
        await ch.waitForConfirms();
        await ch.prefetch(100);
        const incoming = await consumer(ch, 'events', { arguments: { 'x-stream-offset': 15 } });
        const five = await incoming.first(5);
        expect(five.map(text)).toEqual(['15', '16', '17', '18', '19']);
        expect(five.map((message) => broker.asSent(message.properties.headers))).toEqual(
          [15, 16, 17, 18, 19].map((offset) => ({ 'x-stream-offset': offset })),
        );
        await ch.deleteQueue('events');
      });
    });
  });
});
