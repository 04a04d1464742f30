import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChannelModel, connect, credentials } from 'amqplib';
import { describe, expect, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { confirmChannel, connection, consumer, get, text } from './amqplib.ts';
import { bothWays } from './ways.ts';

/** What amqplib knows of a connection and does not document. */
const inside = (link: ChannelModel) =>
  link.connection as unknown as { frameMax: number; channelMax: number; heartbeat: number; stream: Socket };

bothWays((broker, onRabbitMQ) => {
  /** Publishes and gets one message on a new channel: the connection works. */
  async function works(link: ChannelModel, body = Buffer.from('works')): Promise<void> {
    const ch = await link.createConfirmChannel();
    const { queue } = await ch.assertQueue('', { exclusive: true });
    ch.sendToQueue(queue, body);
    await ch.waitForConfirms();
    expect((await get(ch, queue, { noAck: true })).content.equals(body)).toBe(true);
    await ch.close();
  }

  describe('amqplib: negotiation', () => {
    test('the broker introduces itself', async () => {
      const { serverProperties } = (await connection(broker.url)).connection;
      expect(serverProperties).toMatchObject({
        product: broker.product,
        capabilities: {
          publisher_confirms: true,
          exchange_exchange_bindings: true,
          'basic.nack': true,
          consumer_cancel_notify: true,
          'connection.blocked': true,
          authentication_failure_close: true,
          direct_reply_to: true,
        },
      });
    });

    test("without wishes the limits are the broker's", async () => {
      const { frameMax, channelMax, heartbeat } = inside(await connection(broker.url));
      expect({ frameMax, channelMax, heartbeat }).toEqual({ frameMax: 131_072, channelMax: 2047, heartbeat: 60 });
    });

    test.each([4096, 8192, 131_072])('with frame_max %i bodies are cut to fit', async (frameMax) => {
      const link = await connection(`${broker.url}?frameMax=${frameMax}`);
      expect(inside(link).frameMax).toBe(frameMax);
      for (const size of [frameMax - 9, frameMax - 8, frameMax - 7, 300_000])
        await works(link, Buffer.alloc(size, 'b'));
    });

    test('a frame_max below the least is refused', async () => {
      await expect(connect(`${broker.url}?frameMax=4095`)).rejects.toThrow();
    });

    test.each([4096, 8192])('headers that fill a frame of %i bytes pass unchanged', async (frameMax) => {
      const ch = await confirmChannel(`${broker.url}?frameMax=${frameMax}`);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      // 8 bytes a frame costs, 14 the content header, 4 the table, 7 the entry. Nothing can be added.
      const headers = { k: 'v'.repeat(frameMax - 8 - 14 - 4 - 7) };
      ch.sendToQueue(queue, Buffer.from('full'), { headers });
      await ch.waitForConfirms();
      const message = await get(ch, queue);
      expect(text(message)).toBe('full');
      expect(message.properties.headers).toEqual(headers);
    });

    test('channel_max limits how many channels can be open', async () => {
      const link = await connection(`${broker.url}?channelMax=3`);
      const channels = [await link.createChannel(), await link.createChannel(), await link.createChannel()];
      await expect(link.createChannel()).rejects.toThrow('No channels left to allocate');
      await channels[1].close();
      await works(link);
    });

    test('AMQPLAIN is let in as PLAIN is', async () => {
      await works(await connection(broker.url, { credentials: credentials.amqplain('guest', 'guest') }));
    });

    test('a mechanism that the broker does not offer is refused', async () => {
      await expect(connect(broker.url, { credentials: credentials.external() })).rejects.toThrow();
    });
  });

  describe('amqplib: many', () => {
    test('300 channels of one connection are told apart', async () => {
      const link = await connection(broker.url);
      const rounds = Array.from({ length: 300 }, async (_, index) => {
        const ch = await link.createChannel();
        const { queue } = await ch.assertQueue('', { exclusive: true });
        const incoming = await consumer(ch, queue, { noAck: true });
        for (const part of ['a', 'b']) ch.sendToQueue(queue, Buffer.from(`${index}${part}`));
        return (await incoming.first(2)).map(text);
      });
      expect(await Promise.all(rounds)).toEqual(Array.from({ length: 300 }, (_, index) => [`${index}a`, `${index}b`]));
    });

    test('100 connections at once all work', async () => {
      const links = await Promise.all(Array.from({ length: 100 }, () => connection(broker.url)));
      await Promise.all(links.map((link) => works(link)));
    });
  });

  describe('amqplib: living and dying', () => {
    test('an idle connection lives on by its heartbeats', async () => {
      const link = await connection(`${broker.url}?heartbeat=1`);
      expect(inside(link).heartbeat).toBe(1);
      let closed = false;
      link.once('close', () => {
        closed = true;
      });
      await sleep(3500); // the broker gives up after 2 intervals of silence, amqplib too
      expect(closed).toBe(false);
      await works(link);
    });

    test('a client that sends no heartbeats is cut off', async () => {
      const link = await connection(`${broker.url}?heartbeat=1`);
      const failure = new Promise<Error>((resolve) => link.once('error', resolve));
      (link.connection as unknown as { heartbeater: { clear(): void } }).heartbeater.clear();
      expect((await failure).message).toMatch(/Unexpected close|ECONNRESET/);
    });

    test('close is answered, and ends what belongs to the connection', async () => {
      const link = await connection(broker.url);
      const ch = await link.createChannel();
      await ch.assertQueue('belongs', { exclusive: true });
      const closed = once(link, 'close');
      await link.close();
      await closed;
      const other = await (await connection(broker.url)).createChannel();
      other.on('error', () => {});
      await expect(other.checkQueue('belongs')).rejects.toThrow(`404 (NOT-FOUND)`);
    });

    test('what a client that vanishes had not settled goes to another', async () => {
      const link = await connection(broker.url);
      const ch = await link.createConfirmChannel();
      await ch.assertQueue('inherited', { durable: false });
      ch.sendToQueue('inherited', Buffer.from('mine'));
      await ch.waitForConfirms();
      await (await consumer(ch, 'inherited')).first(1);
      const other = await (await connection(broker.url)).createChannel();
      const inherited = await consumer(other, 'inherited');
      inside(link).stream.destroy(new Error('the client vanishes'));
      const [message] = await inherited.first(1);
      expect([text(message), message.fields.redelivered]).toEqual(['mine', true]);
      await other.deleteQueue('inherited');
    });

    onRabbitMQ(() => {
      test("the broker's close reaches the client with its code and reason", async () => {
        const link = await connection(broker.url, { clientProperties: { connection_name: 'to-be-closed' } });
        const closed = once(link, 'close'); // amqplib calls an operator's close no error
        const { management, name } = broker.vhost;
        const own = await until(async () => {
          const all = (await management.call('GET', `vhosts/${name}/connections`)) as {
            name: string;
            client_properties: { connection_name?: string };
          }[];
          return all.find((each) => each.client_properties.connection_name === 'to-be-closed');
        }, 'the management API lists the connection');
        await management.call('DELETE', `connections/${encodeURIComponent(own.name)}`);
        const [reason] = await closed;
        expect(reason.message).toBe(
          'Connection closed: 320 (CONNECTION-FORCED) with message "CONNECTION_FORCED - Closed via management plugin"',
        );
      });
    });

    test('a new secret is accepted while messages flow', async () => {
      const link = await connection(broker.url);
      await link.updateSecret(Buffer.from('guest'), 'rotated');
      await works(link);
    });
  });
});
