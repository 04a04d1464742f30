import { promisify } from 'node:util';
import { type Channel, type ConfirmChannel, type Connection, connect, type Message } from 'amqplib/callback_api';
import { describe, expect, test } from 'vitest';
import { bothWays } from './ways.ts';

bothWays((broker) => {
  const open = () =>
    new Promise<Connection>((resolve, reject) =>
      connect(broker.url, (error, link) => (error ? reject(error) : resolve(link))),
    );
  const close = (link: Connection) => promisify(link.close.bind(link) as (done: (error: unknown) => void) => void)();

  describe('amqplib with callbacks', () => {
    test('declares, publishes, consumes, acks and closes', async () => {
      const link = await open();
      const message = await new Promise<Message>((resolve, reject) => {
        link.createChannel((error: unknown, ch: Channel) => {
          if (error) return reject(error);
          ch.assertQueue('', { exclusive: true }, (refused, { queue }) => {
            if (refused) return reject(refused);
            ch.consume(queue, (delivered) => {
              if (delivered === null) return reject(new Error('cancelled'));
              ch.ack(delivered);
              ch.close(() => resolve(delivered));
            });
            ch.sendToQueue(queue, Buffer.from('called back'), { headers: { n: 1 } });
          });
        });
      });
      expect(message.content.toString()).toBe('called back');
      expect(broker.asSent(message.properties.headers)).toEqual({ n: 1 });
      await close(link);
    });

    test('calls back for every confirm, and waitForConfirms after the last', async () => {
      const link = await open();
      const order: string[] = [];
      await new Promise<void>((resolve, reject) => {
        link.createConfirmChannel((error: unknown, ch: ConfirmChannel) => {
          if (error) return reject(error);
          for (let i = 0; i < 10; i++) {
            ch.publish('amq.fanout', '', Buffer.alloc(i), {}, (refused) => order.push(refused ? 'nack' : `ack ${i}`));
          }
          ch.waitForConfirms((refused) => {
            if (refused) return reject(refused);
            order.push('all');
            resolve();
          });
        });
      });
      expect(order).toEqual([...Array.from({ length: 10 }, (_, index) => `ack ${index}`), 'all']);
      await close(link);
    });

    test('calls back with the error of a failed request', async () => {
      const link = await open();
      const error = await new Promise<Error>((resolve, reject) => {
        link.createChannel((refused: unknown, ch: Channel) => {
          if (refused) return reject(refused);
          ch.on('error', () => {});
          ch.checkQueue('none', resolve);
        });
      });
      expect(error.message).toContain(`404 (NOT-FOUND) with message "NOT_FOUND - no queue 'none'`);
      await close(link);
    });
  });
});
