import { randomBytes } from 'node:crypto';
import { type AsyncMessage, Connection, ConsumerStatus, type Publisher, type ReturnedMessage } from 'rabbitmq-client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { bothWays } from './ways.ts';

bothWays((broker) => {
  async function connection(options = {}): Promise<Connection> {
    const link = new Connection({ url: broker.url, retryLow: 20, retryHigh: 100, ...options });
    link.on('error', () => {}); // told by what the test waits for
    onTestFinished(() => link.close());
    await link.onConnect(10_000, true);
    return link;
  }
  function publisher(link: Connection): Publisher {
    const opened = link.createPublisher({ confirm: true });
    onTestFinished(() => opened.close()); // before its connection
    return opened;
  }
  const ownQueue = async (link: Connection) => (await link.queueDeclare({ exclusive: true })).queue;

  describe('rabbitmq-client', () => {
    test.each([0, 1, 8183, 8184, 8185, 1_048_576])('a body of %i bytes arrives as it was sent', async (size) => {
      const link = await connection({ frameMax: 8192 });
      const queue = await ownQueue(link);
      const outgoing = publisher(link);
      const body = randomBytes(size);
      await outgoing.send(queue, body);
      const message = await link.basicGet({ queue, noAck: true });
      expect(message?.body.equals(body)).toBe(true);
      expect(broker.asSent(message?.headers)).toEqual({});
    });

    test('every header type and property is read as it was written', async () => {
      const headers = {
        text: 'grüße',
        yes: true,
        int: -7,
        long: 2 ** 40,
        double: 2.5,
        nothing: null,
        list: ['a', 1, [false]],
        table: { a: { b: 'c' } },
      };
      const properties = {
        contentType: 'application/octet-stream',
        contentEncoding: 'identity',
        durable: true,
        priority: 3,
        correlationId: 'c-1',
        replyTo: 'r',
        expiration: '60000',
        messageId: 'm-1',
        timestamp: 1_700_000_000,
        type: 't',
        userId: 'guest',
        appId: 'tests',
      };
      const link = await connection();
      const queue = await ownQueue(link);
      const outgoing = publisher(link);
      await outgoing.send({ routingKey: queue, ...properties, headers }, Buffer.from('body'));
      const message = await link.basicGet(queue);
      expect(message).toMatchObject({
        ...properties,
        exchange: '',
        routingKey: queue,
        redelivered: false,
        body: Buffer.from('body'),
      });
      expect(broker.asSent(message?.headers)).toEqual(headers);
    });

    test('a consumer acks, requeues and drops by what its handler returns', async () => {
      const link = await connection();
      const queue = 'rabbitmq-client-work';
      const seen: [string, boolean][] = [];
      const consumer = link.createConsumer(
        { queue, queueOptions: { exclusive: true }, qos: { prefetchCount: 1 } },
        (message: AsyncMessage) => {
          seen.push([message.body, message.redelivered]);
          if (message.body === 'drop') return ConsumerStatus.DROP;
          if (message.body === 'requeue' && !message.redelivered) return ConsumerStatus.REQUEUE;
          return ConsumerStatus.ACK;
        },
      );
      await new Promise<void>((resolve) => consumer.on('ready', resolve));
      const outgoing = publisher(link);
      for (const body of ['ack', 'drop', 'requeue']) await outgoing.send(queue, body);
      await until(() => seen.length === 4, 'all were handled');
      expect(seen).toEqual([
        ['ack', false],
        ['drop', false],
        ['requeue', false],
        ['requeue', true],
      ]);
      await consumer.close();
      expect(consumer.stats).toMatchObject({ acknowledged: 2, dropped: 1, requeued: 1 });
      expect(await link.queueDelete(queue)).toMatchObject({ messageCount: 0 });
    });

    test('a nacked publish is an error, and a returned one is told', async () => {
      const link = await connection();
      const queue = 'rabbitmq-client-full';
      await link.queueDeclare({
        queue,
        exclusive: true,
        arguments: { 'x-max-length': 0, 'x-overflow': 'reject-publish' },
      });
      const returned: ReturnedMessage[] = [];
      const outgoing = publisher(link);
      outgoing.on('basic.return', (message) => returned.push(message));
      await expect(outgoing.send(queue, 'too much')).rejects.toMatchObject({ code: 'NACK' });
      await outgoing.send(
        { exchange: 'amq.direct', routingKey: 'nobody', mandatory: true, headers: { own: 1 } },
        'back',
      );
      await until(() => returned.length === 1, 'the message came back'); // told a tick late by this client
      expect(returned[0]).toMatchObject({ replyCode: 312, replyText: 'NO_ROUTE', routingKey: 'nobody', body: 'back' });
      expect(returned[0].headers).toEqual({ own: 1 });
    });

    test('a request is answered by reply()', async () => {
      const link = await connection();
      const queue = 'rabbitmq-client-rpc';
      const server = link.createConsumer(
        { queue, queueOptions: { exclusive: true } },
        async (request, reply) => await reply({ got: request.body, headers: broker.asSent(request.headers) }),
      );
      await new Promise<void>((resolve) => server.on('ready', resolve));
      const client = link.createRPCClient({ confirm: true });
      const replies = await Promise.all(
        [1, 2, 3].map((n) => client.send({ routingKey: queue, headers: { n } }, { n })),
      );
      expect(replies.map((reply) => reply.body)).toEqual([1, 2, 3].map((n) => ({ got: { n }, headers: { n } })));
      await client.close();
      await server.close();
    });

    test('transactions commit and roll back', async () => {
      const link = await connection();
      const queue = await ownQueue(link);
      const ch = await link.acquire();
      await ch.txSelect();
      await ch.basicPublish(queue, 'kept');
      await ch.txCommit();
      await ch.basicPublish(queue, 'undone');
      await ch.txRollback();
      await ch.close();
      expect((await link.basicGet({ queue, noAck: true }))?.body).toBe('kept');
      expect(await link.basicGet({ queue, noAck: true })).toBeUndefined();
    });

    test("refusals carry the broker's code", async () => {
      const link = await connection();
      await expect(link.queueDeclare({ queue: 'none', passive: true })).rejects.toMatchObject({
        code: 'NOT_FOUND',
        message: expect.stringContaining(`no queue 'none' in vhost '${broker.vhost.name}'`),
      });
      await expect(link.queueDeclare({ queue: 'amq.mine' })).rejects.toMatchObject({ code: 'ACCESS_REFUSED' });
      const outgoing = publisher(link);
      await expect(outgoing.send({ exchange: 'missing', routingKey: 'x' }, 'body')).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
    });

    test('a wrong password is told as ACCESS_REFUSED', async () => {
      const link = new Connection(broker.url.replace('guest:guest', 'guest:wrong'));
      onTestFinished(() => link.close());
      const error = await new Promise((resolve) => link.on('error', resolve));
      expect(error).toMatchObject({ code: 'ACCESS_REFUSED' });
    });
  });
});
