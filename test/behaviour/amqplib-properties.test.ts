import { describe, expect, test } from 'vitest';
import { channel, confirmChannel, consumer, text } from './amqplib.ts';
import { bothWays } from './ways.ts';

/** Every field type that RabbitMQ knows: what amqplib is given, and what it reads. */
const FIELDS: Record<string, [given: unknown, read?: unknown]> = {
  'S empty': [''],
  'S unicode': ['grüße, 兔子 🐇'],
  'S 60,000 bytes': ['x'.repeat(60_000)],
  'x bytes': [Buffer.from([0, 255, 206, 1])],
  't true': [true],
  't false': [false],
  'b lowest': [{ '!': 'int8', value: -128 }, -128],
  'B highest': [{ '!': 'uint8', value: 255 }, 255],
  's lowest': [{ '!': 'int16', value: -32_768 }, -32_768],
  'u highest': [{ '!': 'uint16', value: 65_535 }, 65_535],
  'I lowest': [{ '!': 'int32', value: -2_147_483_648 }, -2_147_483_648],
  'i highest': [{ '!': 'uint32', value: 4_294_967_295 }, 4_294_967_295],
  'l lowest': [{ '!': 'int64', value: Number.MIN_SAFE_INTEGER }, Number.MIN_SAFE_INTEGER],
  'l highest': [{ '!': 'int64', value: Number.MAX_SAFE_INTEGER }, Number.MAX_SAFE_INTEGER],
  'f float': [{ '!': 'float', value: 0.15625 }, 0.15625],
  'd double': [{ '!': 'double', value: 2.3283064365386963e-10 }, 2.3283064365386963e-10],
  'D decimal': [{ '!': 'decimal', value: { places: 3, digits: 4_294_967_295 } }],
  'T timestamp': [{ '!': 'timestamp', value: 1_700_000_000 }],
  'F table': [{ a: 1, nested: { b: 'c', none: {} } }],
  'A array': [['a', 1, [true, null, { k: 'v' }], []]],
  'V void': [null],
  '': ['an empty key'],
  ['k'.repeat(255)]: ['the longest key'],
  TraceParent: ['another case, another key'],
};

bothWays((broker) => {
  describe('amqplib: headers', () => {
    async function echo(headers: Record<string, unknown>): Promise<Record<string, unknown>> {
      const ch = await channel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      ch.sendToQueue(queue, Buffer.from('body'), { headers });
      const [message] = await (await consumer(ch, queue, { noAck: true })).first(1);
      expect(text(message)).toBe('body');
      return broker.asSent(message.properties.headers);
    }

    test.each(Object.keys(FIELDS))('a header with %s is read as it was written', async (name) => {
      const [given, read = given] = FIELDS[name];
      expect(await echo({ [name]: given })).toEqual({ [name]: read });
    });

    test('all of them together keep their order, or that in which RabbitMQ 4 sorts them', async () => {
      const pairs = Object.entries(FIELDS);
      const headers = await echo(Object.fromEntries(pairs.map(([name, [given]]) => [name, given])));
      const asWritten = pairs.map(([name, [given, read = given]]) => [name, read]);
      const sorted = asWritten.toSorted(([a], [b]) =>
        Buffer.compare(Buffer.from(a as string), Buffer.from(b as string)),
      );
      expect([asWritten, sorted]).toContainEqual(Object.entries(headers));
    });

    test('an own traceparent and tracestate pass as they are', async () => {
      const own = {
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        tracestate: 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7',
        baggage: 'user=7',
      };
      const ch = await channel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      ch.sendToQueue(queue, Buffer.from('body'), { headers: own });
      const [message] = await (await consumer(ch, queue, { noAck: true })).first(1);
      const { 'x-tracehare-sent': _, ...headers } = message.properties.headers ?? {};
      expect(headers).toEqual(own);
    });

    test('CC and BCC route, and BCC is taken away', async () => {
      const ch = await channel(broker.url);
      const queues = [];
      for (let i = 0; i < 3; i++) queues.push((await ch.assertQueue('', { exclusive: true })).queue);
      ch.sendToQueue(queues[0], Buffer.from('copied'), { CC: queues[1], BCC: queues[2] });
      for (const queue of queues) {
        const [message] = await (await consumer(ch, queue, { noAck: true })).first(1);
        expect(broker.asSent(message.properties.headers)).toEqual({ CC: [queues[1]] });
      }
    });
  });

  describe('amqplib: properties', () => {
    const ALL = {
      contentType: 'application/json',
      contentEncoding: 'gzip',
      deliveryMode: 2,
      priority: 9,
      correlationId: 'c'.repeat(255),
      replyTo: 'reply.queue',
      expiration: '60000',
      messageId: 'm-1',
      timestamp: 1_700_000_000,
      type: 'order.created',
      userId: 'guest',
      appId: 'tests',
    };
    const NONE = Object.fromEntries(Object.keys(ALL).map((name) => [name, undefined]));
    const absent = { ...NONE, deliveryMode: 1, clusterId: undefined };

    async function echo(options: object): Promise<Record<string, unknown>> {
      const ch = await channel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      ch.sendToQueue(queue, Buffer.from('body'), options);
      const [message] = await (await consumer(ch, queue, { noAck: true })).first(1);
      const { headers, ...properties } = message.properties;
      expect(broker.asSent(headers)).toEqual({});
      return properties;
    }

    test('none is invented', async () => {
      expect(await echo({})).toEqual({ ...absent, deliveryMode: undefined });
    });

    test.each(Object.entries(ALL))('%s alone arrives as it was set', async (name, value) => {
      expect(await echo({ [name]: value })).toEqual({ ...absent, deliveryMode: undefined, [name]: value });
    });

    test('all of them together arrive as they were set', async () => {
      expect(await echo(ALL)).toEqual({ ...ALL, clusterId: undefined });
    });

    test('a user-id that is not the own is refused', async () => {
      const ch = await channel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      const failure = new Promise<Error>((resolve) => ch.once('error', resolve));
      ch.sendToQueue(queue, Buffer.from('body'), { userId: 'somebody' });
      expect((await failure).message).toBe(
        `Channel closed by server: 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was 'guest'"`,
      );
    });

    test('an expired message is gone, or dead-lettered without its expiration', async () => {
      const ch = await confirmChannel(broker.url);
      const { queue: graves } = await ch.assertQueue('', { exclusive: true });
      const { queue } = await ch.assertQueue('', {
        exclusive: true,
        deadLetterExchange: '',
        deadLetterRoutingKey: graves,
      });
      ch.sendToQueue(queue, Buffer.from('late'), { expiration: '1' });
      const [dead] = await (await consumer(ch, graves, { noAck: true })).first(1);
      const { 'x-death': deaths } = broker.asSent(dead.properties.headers) as { 'x-death': object[] };
      expect(deaths).toMatchObject([{ reason: 'expired', count: 1, 'original-expiration': '1' }]);
      expect(dead.properties.expiration).toBeUndefined();
    });

    test('priorities are kept by a priority queue', async () => {
      const ch = await confirmChannel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true, maxPriority: 5 });
      for (const priority of [1, 5, 3]) ch.sendToQueue(queue, Buffer.from(String(priority)), { priority });
      await ch.waitForConfirms();
      const messages = await (await consumer(ch, queue, { noAck: true })).first(3);
      expect(messages.map(text)).toEqual(['5', '3', '1']);
    });
  });
});
