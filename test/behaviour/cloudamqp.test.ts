import { randomBytes } from 'node:crypto';
import { type AMQPChannel, AMQPClient, type AMQPMessage } from '@cloudamqp/amqp-client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { bothWays } from './ways.ts';

async function connection(url: string): Promise<AMQPClient> {
  const client = new AMQPClient(url);
  client.onerror = () => {}; // told by what the test waits for
  await client.connect();
  onTestFinished(async () => {
    if (!client.closed) await client.close();
  });
  return client;
}

bothWays((broker) => {
  const channel = async (parameters = '') => (await connection(broker.url + parameters)).channel();
  const ownQueue = async (ch: AMQPChannel, args = {}) => (await ch.queueDeclare('', { exclusive: true }, args)).name;
  async function get(ch: AMQPChannel, queue: string, params = {}): Promise<AMQPMessage> {
    const message = await ch.basicGet(queue, { noAck: false, ...params });
    if (message === null) throw new Error(`nothing to get from ${queue}`);
    return message;
  }
  const bytes = (message: AMQPMessage) => Buffer.from((message.body as Uint8Array | null) ?? []);

  describe('amqp-client: messages', () => {
    const sizes = [8192, 131_072].flatMap((frameMax) =>
      [0, 1, frameMax - 9, frameMax - 8, frameMax - 7, 1_048_576].map((size) => [size, frameMax]),
    );
    test.each(sizes)('a body of %i bytes arrives as it was sent at frame_max %i', async (size, frameMax) => {
      const ch = await channel(`?frameMax=${frameMax}`);
      const queue = await ownQueue(ch);
      const body = randomBytes(size);
      await ch.confirmSelect();
      await ch.basicPublish('', queue, body);
      const message = await get(ch, queue, { noAck: true });
      expect(message.bodySize).toBe(size);
      expect(bytes(message).equals(body)).toBe(true);
      expect(broker.asSent(message.properties.headers)).toEqual({});
    });

    test('every header type and property is read as it was written', async () => {
      const properties = {
        contentType: 'text/plain',
        contentEncoding: 'identity',
        headers: {
          text: 'grüße',
          yes: true,
          no: false,
          int: -2_147_483_648,
          long: 2 ** 40,
          bigint: 7n,
          float: 0.5,
          double: 2 ** 33 + 0.5,
          nothing: null,
          bytes: new Uint8Array([0, 255, 206]),
          time: new Date(1_700_000_000_000),
          list: ['a', 1, [true]],
          table: { a: { b: 'c' } },
        },
        deliveryMode: 2,
        priority: 3,
        correlationId: 'c-1',
        replyTo: 'r',
        expiration: '60000',
        messageId: 'm-1',
        timestamp: new Date(1_700_000_000_000),
        type: 't',
        userId: 'guest',
        appId: 'tests',
      };
      const ch = await channel();
      const queue = await ownQueue(ch);
      await ch.confirmSelect();
      await ch.basicPublish('', queue, 'body', properties);
      const { headers, ...others } = (await get(ch, queue)).properties;
      expect(broker.asSent(headers)).toEqual({ ...properties.headers, bigint: 7 });
      expect(others).toEqual({ ...properties, headers: undefined });
    });

    test('a consumer settles one or several, requeues and drops', async () => {
      const ch = await channel();
      const queue = await ownQueue(ch);
      const got: AMQPMessage[] = [];
      await ch.basicQos(10);
      const consumer = await ch.basicConsume(queue, { noAck: false }, (message) => void got.push(message));
      for (const body of ['a', 'b', 'c', 'd', 'e']) await ch.basicPublish('', queue, body);
      await until(() => got.length === 5, 'five messages came');
      await got[1].ack(true);
      await got[2].reject(false);
      await got[3].nack(true);
      await until(() => got.length === 6, 'the requeued one came');
      expect([got[5].bodyString(), got[5].redelivered, got[5].deliveryTag]).toEqual(['d', true, 6]);
      await consumer.cancel();
      await got[5].nack(false, true); // and e with it
      expect(await ch.queueDelete(queue)).toEqual({ messageCount: 0 });
    });

    test('recover with requeue brings the unsettled back', async () => {
      const ch = await channel();
      const queue = await ownQueue(ch);
      await ch.confirmSelect();
      await ch.basicPublish('', queue, 'again');
      expect((await get(ch, queue)).redelivered).toBe(false);
      await ch.basicRecover(true);
      expect((await get(ch, queue)).redelivered).toBe(true);
      expect(await ch.basicGet(queue)).toBeNull();
    });

    test('a consumer is told when its queue is deleted', async () => {
      const ch = await channel();
      await ch.queueDeclare('amqp-client-doomed', { durable: false });
      const consumer = await ch.basicConsume('amqp-client-doomed', {}, () => {});
      const ended = expect(consumer.wait()).rejects.toThrow('Consumer cancelled by the server');
      await ch.queueDelete('amqp-client-doomed');
      await ended;
    });
  });

  describe('amqp-client: confirms and transactions', () => {
    test('a publish resolves with its number, counted from the select', async () => {
      const ch = await channel();
      await ch.basicPublish('amq.fanout', '', 'before the select');
      await ch.confirmSelect();
      const tags = await Promise.all(Array.from({ length: 100 }, () => ch.basicPublish('amq.fanout', '', 'x')));
      expect(tags).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    });

    test('a nack rejects the publish', async () => {
      const ch = await channel();
      const queue = await ownQueue(ch, { 'x-max-length': 1, 'x-overflow': 'reject-publish' });
      await ch.confirmSelect();
      expect(await ch.basicPublish('', queue, 'fits')).toBe(1);
      await expect(ch.basicPublish('', queue, 'does not')).rejects.toThrow('Message rejected');
    });

    test('a mandatory message comes back before it is confirmed', async () => {
      const ch = await channel();
      const order: string[] = [];
      const returned: AMQPMessage[] = [];
      ch.onReturn = (message) => {
        order.push('return');
        returned.push(message);
      };
      await ch.confirmSelect();
      await ch.basicPublish('amq.direct', 'nobody', 'back', { headers: { own: 1 } }, true);
      order.push('ack');
      expect(order).toEqual(['return', 'ack']);
      const { replyCode, replyText, exchange, routingKey, properties } = returned[0];
      expect({ replyCode, replyText, exchange, routingKey, properties }).toEqual({
        replyCode: 312,
        replyText: 'NO_ROUTE',
        exchange: 'amq.direct',
        routingKey: 'nobody',
        properties: { headers: { own: 1 } },
      });
      expect(returned[0].bodyString()).toBe('back');
    });

    test('a message without headers comes back without headers', async () => {
      const ch = await channel();
      const returned: AMQPMessage[] = [];
      ch.onReturn = (message) => void returned.push(message);
      await ch.confirmSelect();
      await ch.basicPublish('amq.direct', 'nobody', 'back', {}, true);
      expect(returned.map((message) => message.properties)).toEqual([{}]);
    });

    test('what was published in a transaction appears at commit, and never after a rollback', async () => {
      const link = await connection(broker.url);
      const [ch, other] = [await link.channel(), await link.channel()];
      const queue = await ownQueue(other);
      const count = async () => (await other.queueDeclare(queue, { passive: true })).messageCount;
      await ch.txSelect();
      await ch.basicPublish('', queue, 'a');
      await ch.basicPublish('', queue, 'b');
      expect(await count()).toBe(0);
      await ch.txCommit();
      expect(await count()).toBe(2);
      await ch.basicPublish('', queue, 'c');
      await ch.txRollback();
      await ch.txCommit();
      expect(await count()).toBe(2);
    });

    test('acks in a transaction count from the commit', async () => {
      const link = await connection(broker.url);
      const ch = await link.channel();
      const queue = await ownQueue(ch);
      await ch.txSelect();
      await ch.basicPublish('', queue, 'a');
      await ch.txCommit();
      await ch.basicAck((await get(ch, queue)).deliveryTag);
      await ch.txRollback(); // the ack is undone
      await ch.basicRecover(true);
      expect((await get(ch, queue)).redelivered).toBe(true);
    });

    test('a transaction on a channel with confirms is refused: 406', async () => {
      const ch = await channel();
      await ch.confirmSelect();
      await expect(ch.txSelect()).rejects.toThrow('PRECONDITION_FAILED - cannot switch from confirm to tx mode');
    });

    test('confirms on a channel in a transaction are refused: 406', async () => {
      const ch = await channel();
      await ch.txSelect();
      await expect(ch.confirmSelect()).rejects.toThrow('PRECONDITION_FAILED - cannot switch from tx to confirm mode');
    });
  });

  describe('amqp-client: refusals', () => {
    test('immediate is not implemented: 540 closes the connection', async () => {
      const link = await connection(broker.url);
      const reasons: string[] = [];
      link.onerror = (error) => void reasons.push(error.message);
      const ch = await link.channel();
      ch.onerror = () => {};
      await ch.basicPublish('amq.direct', 'x', 'now', {}, false, true);
      await until(() => link.closed, 'the connection is closed');
      expect(reasons).toContain(`connection closed: NOT_IMPLEMENTED - immediate=true (540)`);
    });

    test('a passive declare of what is not there closes the channel: 404', async () => {
      const ch = await channel();
      await expect(ch.queueDeclare('none', { passive: true })).rejects.toThrow(
        `NOT_FOUND - no queue 'none' in vhost '${broker.vhost.name}'`,
      );
      expect(ch.closed).toBe(true);
    });

    test('a wrong password, as this client tells it', async () => {
      const client = new AMQPClient(broker.url.replace('guest:guest', 'guest:wrong'));
      client.onerror = () => {};
      await expect(client.connect()).rejects.toThrow(
        'connection closed: ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile. (403)',
      );
    });

    test('a vhost that is not there, as this client tells it', async () => {
      const client = new AMQPClient(`amqp://guest:guest@${broker.host}:${broker.port}/nowhere`);
      client.onerror = () => {};
      await expect(client.connect()).rejects.toThrow('connection closed: NOT_ALLOWED - vhost nowhere not found (530)');
    });

    test('a new secret is accepted', async () => {
      const link = await connection(broker.url);
      await link.updateSecret('guest', 'rotated');
      expect((await (await link.channel()).queueDeclare('', { exclusive: true })).messageCount).toBe(0);
    });

    test('channels have the numbers they were asked to have', async () => {
      const link = await connection(`${broker.url}?channelMax=50`);
      const [last, seventh] = [await link.channel(50), await link.channel(7)];
      expect([last.id, seventh.id]).toEqual([50, 7]);
      const queue = await ownQueue(last);
      await seventh.confirmSelect();
      await seventh.basicPublish('', queue, 'from 7');
      expect((await get(last, queue)).bodyString()).toBe('from 7');
    });
  });
});
