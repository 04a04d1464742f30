import type { Channel, ConsumeMessage } from 'amqplib';
import { describe, expect, test } from 'vitest';
import { RawClient, request } from '../../testing/raw-client.ts';
import { until } from '../../testing/wait.ts';
import { bits, isMethod, method, u64 } from '../../testing/wire.ts';
import { context, inModes, type Rig, sorted, unique } from './rig.ts';

const CONFIG = `
rules:
  - match: { queue: /^kept-/ }
    loss: { deadLetters: true }
`;

/** Puts `count` messages into a queue past the sidecar; their trace ids. */
async function fill(channel: Channel, queue: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const { traceId, headers } = context();
    ids.push(traceId);
    channel.sendToQueue(queue, Buffer.from(String(i)), { headers: { ...headers } });
  }
  await channel.checkQueue(queue);
  return ids;
}

/** Consumes through the sidecar; `decide` settles each delivery. Resolves when `count` were seen, in order closed. */
async function consume(
  rig: Rig,
  queue: string,
  count: number,
  decide: (channel: Channel, message: ConsumeMessage, nth: number) => void,
  options = {},
): Promise<void> {
  const connection = await rig.open();
  const channel = await connection.createChannel();
  let seen = 0;
  await channel.consume(queue, (message) => message !== null && decide(channel, message, seen++), options);
  await until(
    () => seen >= count,
    () => `${count} deliveries came; ${seen} did`,
  );
  await channel.checkQueue(queue); // behind all settlements
  await channel.close();
  await connection.close();
}

// what becomes of deliveries is seen the same in every mode
inModes(
  (rig) => {
    describe('a consumer that rejects', () => {
      const half = (channel: Channel, message: ConsumeMessage, nth: number): void => {
        if (nth % 2 === 0) channel.ack(message);
        else if (nth % 4 === 1) channel.reject(message, false);
        else channel.nack(message, false, false);
      };

      test('loses what goes nowhere else, and each is named', async () => {
        const queue = unique('work');
        const aside = await rig.aside();
        await aside.assertQueue(queue);
        const ids = await fill(aside, queue, 40);
        await consume(rig, queue, 40, half);
        expect(await rig.figures(queue)).toEqual({
          'consume success': 20,
          'consume failed': 20,
          'consume lost rejected': 20,
        });
        const lost = ids
          .filter((_, i) => i % 2 === 1)
          .map((traceId) => ({ exchange: '', routingKey: queue, queue, reason: 'rejected', traceId }));
        expect(sorted(await rig.losses(queue))).toEqual(sorted(lost));
        expect(await rig.stored(queue)).toEqual([]);
      });

      test('loses nothing from a queue that was declared to dead-letter', async () => {
        const [queue, grave] = [unique('work'), unique('grave')];
        const aside = await rig.aside();
        await aside.assertQueue(grave);
        const declaring = await rig.open();
        const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': grave };
        await (await declaring.createChannel()).assertQueue(queue, { arguments: args });
        await declaring.close();
        await fill(aside, queue, 20);
        await consume(rig, queue, 20, half);
        expect(await rig.figures(queue)).toEqual({ 'consume success': 10, 'consume failed': 10 });
        expect(await rig.losses(queue)).toEqual([]);
        expect(await rig.stored(grave)).toHaveLength(10);
      });

      test('loses nothing where a rule says that the queue dead-letters', async () => {
        const queue = unique('kept');
        const aside = await rig.aside();
        await aside.assertQueue(queue);
        await fill(aside, queue, 20);
        await consume(rig, queue, 20, half);
        expect(await rig.figures(queue)).toEqual({ 'consume success': 10, 'consume failed': 10 });
        expect(await rig.losses(queue)).toEqual([]);
      });

      test('loses nothing from a queue whose dead letters were seen', async () => {
        const [queue, grave] = [unique('work'), unique('grave')];
        const aside = await rig.aside();
        await aside.assertQueue(grave);
        const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': grave };
        await aside.assertQueue(queue, { arguments: args });
        await fill(aside, queue, 1);
        const message = await aside.get(queue);
        if (message === false) throw new Error('nothing to reject');
        aside.reject(message, false);
        await consume(rig, grave, 1, (channel, dead) => channel.ack(dead));
        await fill(aside, queue, 20);
        await consume(rig, queue, 20, half);
        expect(await rig.figures(queue)).toEqual({ 'consume success': 10, 'consume failed': 10 });
        expect(await rig.losses(queue, grave)).toEqual([]);
        expect(await rig.figures(grave)).toEqual({
          'consume success': 1,
          [`dead-lettered ${queue} rejected`]: 1,
        });
      });

      test('with requeue loses nothing and ends nothing', async () => {
        const queue = unique('work');
        const aside = await rig.aside();
        await aside.assertQueue(queue);
        await fill(aside, queue, 10);
        await consume(rig, queue, 20, (channel, message) => {
          if (message.fields.redelivered) channel.ack(message);
          else channel.reject(message, true);
        });
        expect(await rig.figures(queue)).toEqual({ 'consume success': 10, 'requeued reject': 10 });
      });

      test('and goes away with some unsettled: these go back to the queue', async () => {
        const queue = unique('work');
        const aside = await rig.aside();
        await aside.assertQueue(queue);
        await fill(aside, queue, 10);
        await consume(rig, queue, 10, (channel, message, nth) => nth < 4 && channel.ack(message));
        expect(await rig.figures(queue)).toEqual({ 'consume success': 4, 'requeued channel_closed': 6 });
        expect(await rig.stored(queue)).toHaveLength(6);
      });
    });

    test('a retry loop over TTL and dead-letter: every step counted, nothing lost', async () => {
      const [work, retry] = [unique('work'), unique('retry')];
      const connection = await rig.open();
      const channel = await connection.createChannel();
      const to = (key: string) => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': key });
      await channel.assertQueue(work, { arguments: to(retry) });
      await channel.assertQueue(retry, { arguments: { ...to(work), 'x-message-ttl': 5 } });
      for (let i = 0; i < 20; i++) channel.sendToQueue(work, Buffer.from(String(i)));
      const attempts = new Map<string, number>();
      let done = 0;
      await channel.consume(work, (message) => {
        if (message === null) return;
        const body = message.content.toString();
        const attempt = (attempts.get(body) ?? 0) + 1;
        attempts.set(body, attempt);
        if (attempt < 4) channel.reject(message, false);
        else {
          channel.ack(message);
          done++;
        }
      });
      await until(() => done === 20, 'all have succeeded at last');
      await channel.checkQueue(work);
      await channel.close();
      await connection.close();
      expect([...attempts.values()]).toEqual(Array(20).fill(4));
      expect(await rig.figures(work)).toEqual({
        'publish success': 20,
        'consume success': 20,
        'consume failed': 60,
        [`dead-lettered ${retry} expired`]: 60,
      });
      expect(await rig.losses(work, retry)).toEqual([]);
      const metrics = await rig.sidecar.metrics();
      expect(metrics.value('event_loss_rate', { topic: work, side: 'consume' })).toBe(0);
    });

    describe('a consumer without acks', () => {
      test('that reads all: each is a success once it left', async () => {
        const queue = unique('work');
        const aside = await rig.aside();
        await aside.assertQueue(queue);
        await fill(aside, queue, 50);
        await consume(rig, queue, 50, () => {}, { noAck: true });
        expect(await rig.figures(queue)).toEqual({ 'consume success': 50 });
      });

      test('that stops reading and is killed: what never left us is lost, the doubtful rest is told', async () => {
        const queue = unique('work');
        const aside = await rig.aside();
        await aside.assertQueue(queue);
        const size = 10_000;
        const filler = Buffer.alloc(size);
        const [COUNT, READ] = [4000, 100];
        for (let i = 0; i < COUNT; i++) aside.sendToQueue(queue, filler);
        await aside.checkQueue(queue);

        const client = await RawClient.open({ port: rig.sidecar.port, vhost: rig.vhost.name });
        client.send(request.consume(1, queue, 'tag', true));
        const received = (): number => client.frames.filter((frame) => isMethod(frame, 60, 60)).length;
        await until(() => received() >= READ, 'it has read some');
        client.socket.pause();
        // until nothing moves any more: the broker too waits, though it has the time to say how many it still has
        const passed = async () => {
          const { messageCount } = await aside.checkQueue(queue);
          const bytes = (await rig.sidecar.metrics()).sum('tracehare_relay_bytes_total', { direction: 'downstream' });
          return `${bytes} bytes, ${messageCount} left`;
        };
        let [before, same] = ['', 0];
        await until(async () => {
          const now = await passed();
          same = now === before ? same + 1 : 0;
          before = now;
          return same >= 75; // for longer than what a reader that keeps up can be behind
        }, 'everything between is full');
        const read = received();
        client.socket.resetAndDestroy();

        const figures = await rig.figures(queue);
        const {
          'consume success': success = 0,
          'consume failed': failed = 0,
          'consume lost autoack_undelivered': undelivered = 0,
          'consume unknown autoack_in_flight': inFlight = 0,
          ...rest
        } = figures;
        expect(rest).toEqual({});
        const left = (await rig.stored(queue)).length;
        expect(failed).toBe(undelivered);
        expect(undelivered).toBeGreaterThan(0);
        // nothing is called delivered or lost that the broker still has
        expect(success + undelivered).toBeLessThanOrEqual(COUNT - left);
        // what is called lost, the app has not read
        expect(undelivered).toBeLessThanOrEqual(COUNT - left - read);
        // of what is called delivered, as much is told to be doubtful as may not have been read
        expect(success).toBeGreaterThanOrEqual(read);
        expect(success - inFlight).toBeLessThanOrEqual(read);
        const lost = await rig.losses(queue);
        expect(lost).toEqual(
          Array(undelivered).fill({
            exchange: '',
            routingKey: queue,
            queue,
            reason: 'autoack_undelivered',
            traceId: '',
          }),
        );
      });

      test('that is killed while it keeps up: what it had read is not called lost', async () => {
        const queue = unique('work');
        const aside = await rig.aside();
        await aside.assertQueue(queue);
        await fill(aside, queue, 300);
        const client = await RawClient.open({ port: rig.sidecar.port, vhost: rig.vhost.name });
        client.send(request.consume(1, queue, 'tag', true));
        const received = (): number => client.frames.filter((frame) => isMethod(frame, 60, 60)).length;
        await until(() => received() === 300, 'it has read all');
        client.socket.resetAndDestroy();
        const { 'consume unknown autoack_in_flight': inFlight = 0, ...rest } = await rig.figures(queue);
        expect(rest).toEqual({ 'consume success': 300 });
        expect(inFlight).toBeLessThanOrEqual(300);
        expect(await rig.losses(queue)).toEqual([]);
      });

      test('that closes in order leaves no doubt', async () => {
        const queue = unique('work');
        const aside = await rig.aside();
        await aside.assertQueue(queue);
        await fill(aside, queue, 300);
        const client = await RawClient.open({ port: rig.sidecar.port, vhost: rig.vhost.name });
        client.send(request.consume(1, queue, 'tag', true));
        await until(() => client.frames.filter((frame) => frame[0] === 3).length === 300, 'all have come');
        await client.close();
        expect(await rig.figures(queue)).toEqual({ 'consume success': 300 });
      });
    });

    test('settlements in tx count at the commit, and not after a rollback', async () => {
      const queue = unique('work');
      const aside = await rig.aside();
      await aside.assertQueue(queue);
      await fill(aside, queue, 6);
      const client = await RawClient.open({ port: rig.sidecar.port, vhost: rig.vhost.name });
      await client.call(request.txSelect(1), 90, 11);
      client.send(request.consume(1, queue, 'tag'));
      await until(() => client.frames.filter((frame) => frame[0] === 3).length === 6, 'all have come');
      client.frames.length = 0;
      const ack = (tag: number) => method(1, 60, 80, u64(tag), bits(false));
      const reject = (tag: number) => method(1, 60, 90, u64(tag), bits(false));
      client.send(ack(1), reject(2));
      await client.call(request.txCommit(1), 90, 21);
      client.send(ack(3), reject(4));
      await client.call(request.txRollback(1), 90, 31);
      client.send(ack(5));
      await client.close();
      expect(await rig.figures(queue)).toEqual({
        'consume success': 1,
        'consume failed': 1,
        'consume lost rejected': 1,
        'requeued connection_closed': 4,
      });
      expect(await rig.stored(queue)).toHaveLength(4);
    });
  },
  { config: CONFIG, modes: ['off', 'confirms'] },
);
