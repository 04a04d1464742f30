import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { confirmChannel, connection } from './amqplib.ts';
import { bothWays } from './ways.ts';

bothWays(
  (broker) => {
    describe('a memory alarm of the broker', () => {
      test('blocks publishers, tells them why, and lets go again', async () => {
        const link = await connection(broker.url);
        const ch = await link.createConfirmChannel();
        const { queue } = await ch.assertQueue('', { exclusive: true });
        const reader = await confirmChannel(broker.url);

        let reason = '';
        link.once('blocked', (why: string) => {
          reason = why;
        });
        await broker.own.ctl('set_vm_memory_high_watermark', '0.000001');
        let sent = 0;
        // Only who publishes is blocked, and the connection learns of the alarm behind our backs.
        await until(() => {
          if (reason === '') {
            ch.sendToQueue(queue, Buffer.from('body'));
            sent++;
          }
          return reason;
        }, 'the connection is blocked');
        expect(reason).toBe('low on memory');
        let confirmed = false;
        const outcome = ch.waitForConfirms().then(() => {
          confirmed = true;
        });
        // a connection that does not publish is served as ever
        await reader.checkExchange('amq.direct');
        expect(confirmed).toBe(false);

        const unblocked = once(link, 'unblocked');
        await broker.own.ctl('set_vm_memory_high_watermark', 'absolute', '64GB');
        await unblocked;
        await outcome;
        expect((await ch.checkQueue(queue)).messageCount).toBe(sent);
      });
    });
  },
  { ownBroker: true },
);
