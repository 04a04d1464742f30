import type { Channel, ConsumeMessage } from 'amqplib';
import { expect, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { inModes, type Rig, unique } from './rig.ts';

const STREAM = { durable: true, arguments: { 'x-queue-type': 'stream' } };

/** Publishes through the sidecar, and waits until the broker has all. */
async function publish(rig: Rig, queue: string, count: number): Promise<void> {
  const connection = await rig.open();
  const channel = await connection.createConfirmChannel();
  for (let i = 0; i < count; i++) channel.sendToQueue(queue, Buffer.from(String(i)));
  await channel.waitForConfirms();
  await connection.close();
}

/** A consumer that is there: `settle` is asked of each delivery, `seen` grows. */
async function reader(
  rig: Rig,
  queue: string,
  offset: string | undefined,
  settle: (channel: Channel, message: ConsumeMessage) => void,
): Promise<{ close(): Promise<void>; seen: ConsumeMessage[] }> {
  const connection = await rig.open();
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  await channel.prefetch(100);
  const seen: ConsumeMessage[] = [];
  const args = offset === undefined ? {} : { arguments: { 'x-stream-offset': offset } };
  await channel.consume(
    queue,
    (message) => {
      if (message === null) return;
      seen.push(message);
      settle(channel, message);
    },
    args,
  );
  const ended = new Promise((resolve) => connection.once('close', resolve));
  const close = async (): Promise<void> => {
    // behind all settlements; the broker may have closed either for one, or do so now: then no close-ok comes
    await Promise.race([channel.close().catch(() => {}), ended]);
    await Promise.race([connection.close().catch(() => {}), ended]);
  };
  return { close, seen };
}

const ack = (channel: Channel, message: ConsumeMessage): void => channel.ack(message);

/** What is counted of deliveries beside `rig.figures`. */
async function counted(rig: Rig, topic: string) {
  const metrics = await rig.sidecar.metrics();
  return {
    reads: metrics.sum('event_stream_reads_total', { topic }),
    first: metrics.sum('event_first_deliveries_total', { topic }),
    latencies: metrics.sum('event_latency_seconds_count', { topic }),
    redelivered: metrics.sum('event_redelivered_total', { topic }),
    unsettled: metrics.sum('tracehare_unsettled_deliveries', { topic }),
  };
}

inModes(
  (rig) => {
    test('a stream that is read twice: no first delivery, no latency, no loss', async () => {
      const queue = unique('log');
      await (await rig.aside()).assertQueue(queue, STREAM);
      await publish(rig, queue, 20);
      for (let round = 0; round < 2; round++) {
        const { close, seen } = await reader(rig, queue, 'first', ack);
        await until(() => seen.length === 20, 'all were read');
        await close();
      }
      expect(await rig.figures(queue)).toEqual({ 'publish success': 20, 'consume success': 40 });
      expect(await counted(rig, queue)).toEqual({ reads: 40, first: 0, latencies: 0, redelivered: 0, unsettled: 0 });
    });

    test.each([undefined, 'next', 'first'])(
      'who reads from offset %s has a latency of what comes while it is there, once for each reader',
      async (offset) => {
        const queue = unique('log');
        await (await rig.aside()).assertQueue(queue, STREAM);
        await publish(rig, queue, 5);
        const readers = [await reader(rig, queue, offset, ack), await reader(rig, queue, offset, ack)];
        const before = offset === 'first' ? 5 : 0;
        await publish(rig, queue, 10);
        for (const { seen } of readers) await until(() => seen.length === before + 10, 'all were read');
        for (const { close } of readers) await close();
        await rig.figures(queue);
        const reads = 2 * (before + 10);
        expect(await counted(rig, queue)).toEqual({ reads, first: 0, latencies: 20, redelivered: 0, unsettled: 0 });
      },
    );

    // RabbitMQ 3.10 ends the connection for it (540), newer ones take it for an ack: the message is there anyway
    test.each([
      ['reject', (channel: Channel, message: ConsumeMessage) => channel.reject(message, false)],
      ['reject to requeue', (channel: Channel, message: ConsumeMessage) => channel.reject(message, true)],
      ['nack', (channel: Channel, message: ConsumeMessage) => channel.nack(message, false, false)],
      ['nothing at all', () => {}],
    ])('what a reader answers with %s is not lost and goes back to no queue', async (_, settle) => {
      const queue = unique('log');
      await (await rig.aside()).assertQueue(queue, STREAM);
      await publish(rig, queue, 10);
      const { close, seen } = await reader(rig, queue, 'first', settle);
      await until(() => seen.length === 10, 'all were read');
      await close();
      const { 'consume failed': _failed, ...figures } = await rig.figures(queue);
      expect(figures).toEqual({ 'publish success': 10 });
      expect(await rig.losses(queue)).toEqual([]);
      expect(await counted(rig, queue)).toEqual({ reads: 10, first: 0, latencies: 0, redelivered: 0, unsettled: 0 });
      const again = await reader(rig, queue, 'first', ack);
      await until(() => again.seen.length === 10, 'the stream has them all');
      await again.close();
    });

    test('what an app reads from a stream and publishes with all its headers is a message like any other', async () => {
      const [log, work] = [unique('log'), unique('work')];
      await (await rig.aside()).assertQueue(log, STREAM);
      await publish(rig, log, 5);
      const connection = await rig.open();
      const channel = await connection.createChannel();
      await channel.assertQueue(work);
      const copying = await reader(rig, log, 'first', (on, message) => {
        const { headers } = message.properties;
        expect(headers).toHaveProperty('x-stream-offset');
        channel.sendToQueue(work, message.content, { headers });
        on.ack(message);
      });
      const working = await reader(rig, work, undefined, (on, message) => on.reject(message, false));
      await until(() => working.seen.length === 5, 'all were copied');
      for (const each of [copying, working, connection]) await each.close();
      expect(await rig.figures(work)).toMatchObject({ 'consume failed': 5, 'consume lost rejected': 5 });
      expect(await counted(rig, work)).toMatchObject({ reads: 0, first: 5, latencies: 5 });
    });
  },
  { modes: ['off', 'confirms'] },
);
