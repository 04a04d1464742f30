import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
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

        const blocked = once(link, 'blocked');
        await broker.own.ctl('set_vm_memory_high_watermark', '0.000001');
        ch.sendToQueue(queue, Buffer.from('first')); // only who publishes is blocked
        expect(await blocked).toEqual(['low on memory']);
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
        expect((await ch.checkQueue(queue)).messageCount).toBe(1);
      });
    });
  },
  { ownBroker: true },
);
