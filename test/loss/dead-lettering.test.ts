import type { Channel, ChannelModel, GetMessage } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { inModes, type Rig, unique } from './rig.ts';

const dlx = (exchange: string, routingKey: string) => ({
  arguments: { 'x-dead-letter-exchange': exchange, 'x-dead-letter-routing-key': routingKey },
});

/** The next message of the queue, as soon as there is one. */
async function next(channel: Channel, queue: string): Promise<GetMessage> {
  return until(async () => (await channel.get(queue)) || undefined, `a message comes to ${queue}`);
}

/** An app that publishes to the queue through the sidecar and rejects all of it. */
async function rejects(rig: Rig, queue: string, count: number): Promise<void> {
  const connection = await rig.open();
  const channel = await connection.createChannel();
  for (let i = 0; i < count; i++) channel.sendToQueue(queue, Buffer.from('x'));
  for (let i = 0; i < count; i++) channel.reject(await next(channel, queue), false);
  await channel.checkQueue(queue);
  await connection.close();
}

async function through(rig: Rig, use: (channel: Channel, connection: ChannelModel) => Promise<unknown>): Promise<void> {
  const connection = await rig.open();
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  await use(channel, connection);
  // behind all that was said on it; the broker may have closed it
  await channel.close().catch(() => {});
  await connection.close();
}

const lost = async (rig: Rig, queue: string): Promise<number> =>
  (await rig.figures(queue))['consume lost rejected'] ?? 0;

inModes(
  (rig) => {
    let aside: Channel;
    beforeAll(async () => {
      aside = await rig.aside();
    });
    afterAll(() => aside?.close());

    test('a queue that is deleted, and declared anew without its dead-letter exchange, loses what is rejected', async () => {
      const [queue, grave] = [unique('work'), unique('grave')];
      await aside.assertQueue(grave);
      await through(rig, (channel) => channel.assertQueue(queue, dlx('', grave)));
      await rejects(rig, queue, 3);
      expect(await lost(rig, queue)).toBe(0);
      await through(rig, (channel) => channel.deleteQueue(queue));
      await aside.assertQueue(queue);
      await rejects(rig, queue, 4);
      expect(await lost(rig, queue)).toBe(4);
      expect(await rig.stored(grave)).toHaveLength(3);
    });

    test('so does one that was deleted past the sidecar, once it is declared through it', async () => {
      const queue = unique('work');
      await through(rig, (channel) => channel.assertQueue(queue, dlx('amq.fanout', 'x')));
      await aside.deleteQueue(queue);
      await through(rig, (channel) => channel.assertQueue(queue));
      await rejects(rig, queue, 4);
      expect(await lost(rig, queue)).toBe(4);
    });

    test('so does one of which an app was told that it is not there', async () => {
      const queue = unique('work');
      await through(rig, (channel) => channel.assertQueue(queue, dlx('amq.fanout', 'x')));
      await aside.deleteQueue(queue);
      await through(rig, (channel) => channel.checkQueue(queue).catch(() => {}));
      await aside.assertQueue(queue);
      await rejects(rig, queue, 4);
      expect(await lost(rig, queue)).toBe(4);
    });

    test('so does one with the name of an exclusive queue that went with its connection', async () => {
      const queue = unique('work');
      await through(rig, (channel) => channel.assertQueue(queue, { ...dlx('amq.fanout', 'x'), exclusive: true }));
      await until(async () => {
        const other = await rig.aside();
        const made = await other.assertQueue(queue).then(
          () => true,
          () => false,
        );
        if (made) await other.close();
        return made;
      }, 'the name is free again');
      await rejects(rig, queue, 4);
      expect(await lost(rig, queue)).toBe(4);
    });

    test('declared again as it is, by who connects anew, a queue still dead-letters', async () => {
      const [queue, grave] = [unique('work'), unique('grave')];
      await aside.assertQueue(grave);
      for (let i = 0; i < 2; i++) {
        await through(rig, (channel) => channel.assertQueue(queue, dlx('', grave)));
        await rejects(rig, queue, 3);
      }
      expect(await lost(rig, queue)).toBe(0);
      expect(await rig.stored(grave)).toHaveLength(6);
    });

    test('a dead-letter exchange that is deleted takes the dead letters with it, until it is there again', async () => {
      const [queue, grave, exchange] = [unique('work'), unique('grave'), unique('graves')];
      await aside.assertQueue(grave);
      const bury = async (channel: Channel): Promise<void> => {
        await channel.assertExchange(exchange, 'fanout');
        await aside.bindQueue(grave, exchange, '');
      };
      await through(rig, bury);
      await through(rig, (channel) => channel.assertQueue(queue, dlx(exchange, 'x')));
      await rejects(rig, queue, 2);
      expect(await lost(rig, queue)).toBe(0);
      await through(rig, (channel) => channel.deleteExchange(exchange));
      await rejects(rig, queue, 3);
      expect(await lost(rig, queue)).toBe(3);
      await through(rig, bury);
      await rejects(rig, queue, 4);
      expect(await lost(rig, queue)).toBe(3);
      expect(await rig.stored(grave)).toHaveLength(6);
    });

    test('an x-death that an app publishes teaches nothing', async () => {
      const queue = unique('work');
      await aside.assertQueue(queue);
      const time = { '!': 'timestamp', value: 1_600_000_000 };
      const forged = { 'x-death': [{ count: 1, reason: 'rejected', queue, time, exchange: '' }] };
      await through(rig, async (channel) => {
        channel.sendToQueue(queue, Buffer.from('moved'), { headers: forged });
        channel.sendToQueue(queue, Buffer.from('moved'), { headers: { 'x-death': [{ queue }] } });
        channel.sendToQueue(queue, Buffer.from('moved'), { headers: { 'x-death': 'nonsense' } });
        for (let i = 0; i < 3; i++) channel.ack(await next(channel, queue));
      });
      await rejects(rig, queue, 4);
      expect(await rig.figures(queue)).toEqual({
        'publish success': 7,
        'consume success': 3,
        'consume failed': 4,
        'consume lost rejected': 4,
      });
      const metrics = await rig.sidecar.metrics();
      expect(metrics.sum('event_first_deliveries_total', { topic: queue })).toBe(7);
    });

    test('dead letters from before a queue was declared anew teach nothing of the new one', async () => {
      const [queue, grave] = [unique('work'), unique('grave')];
      await aside.assertQueue(grave);
      await through(rig, (channel) => channel.assertQueue(queue, dlx('', grave)));
      await rejects(rig, queue, 3);
      await through(rig, async (channel) => {
        await channel.deleteQueue(queue);
        await channel.assertQueue(queue);
        for (let i = 0; i < 3; i++) channel.ack(await next(channel, grave));
      });
      await rejects(rig, queue, 4);
      expect(await lost(rig, queue)).toBe(4);
    });

    test('a message that an app publishes again with its old x-death is a new one, whatever becomes of it', async () => {
      const [queue, grave] = [unique('work'), unique('grave')];
      await aside.assertQueue(grave);
      await aside.assertQueue(queue, dlx('', grave));
      const ROUNDS = 4;
      await through(rig, async (channel) => {
        channel.sendToQueue(queue, Buffer.from('x'));
        for (let i = 0; i < ROUNDS; i++) {
          channel.reject(await next(channel, queue), false);
          const dead = await next(channel, grave);
          channel.ack(dead);
          // as fast as it goes: within one second all times in x-death are the same
          channel.sendToQueue(queue, dead.content, { headers: dead.properties.headers });
        }
        channel.ack(await next(channel, queue));
      });
      const figures = await rig.figures(queue, grave);
      expect(figures).toMatchObject({ [`dead-lettered ${queue} rejected`]: ROUNDS, 'consume success': ROUNDS + 1 });
      const metrics = await rig.sidecar.metrics();
      expect(metrics.sum('event_first_deliveries_total', { topic: queue })).toBe(ROUNDS + 1);
      expect(metrics.sum('event_latency_seconds_count', { topic: queue })).toBe(ROUNDS + 1);
      expect(metrics.sum('event_first_deliveries_total', { topic: grave })).toBe(0);
    });
  },
  { modes: ['off', 'returns'] },
);
