import { describe, expect, test } from 'vitest';
import { RawClient, request } from '../../testing/raw-client.ts';
import { until } from '../../testing/wait.ts';
import { BODY, bits, isMethod, method, u32, u64 } from '../../testing/wire.ts';
import { context, inModes, type Rig, unique } from './rig.ts';

// A quorum queue delivers a message as often as its limit says, and once more. Given back then, it is gone.

const LIMIT = 2;
/** Of RabbitMQ 4, for queues that say nothing. */
const DEFAULT_LIMIT = 20;
const QUORUM = { 'x-queue-type': 'quorum' };
const qos = method(1, 60, 10, u32(0), Buffer.of(0, 0), bits(false));
const recover = method(1, 60, 110, bits(true));

/** Declares a queue through the sidecar (`seen`) or past it. */
async function declared(rig: Rig, args: Record<string, unknown>, seen = true): Promise<string> {
  const queue = unique('work');
  const options = { durable: true, arguments: { ...QUORUM, ...args } };
  await (await rig.aside()).assertQueue(queue, options);
  if (!seen) return queue;
  const connection = await rig.open();
  await (await connection.createChannel()).assertQueue(queue, options);
  await connection.close();
  return queue;
}

/** Puts one message into it, past the sidecar. */
async function put(rig: Rig, queue: string, body: string): Promise<string> {
  const aside = await rig.aside();
  const { traceId, headers } = context();
  aside.sendToQueue(queue, Buffer.from(body), { headers: { ...headers } });
  await aside.checkQueue(queue);
  return traceId;
}

const BACK = {
  nack: (tag: number) => method(1, 60, 120, u64(tag), bits(false, true)),
  reject: (tag: number) => method(1, 60, 90, u64(tag), bits(true)),
  recover: () => recover,
  channel: undefined,
  connection: undefined,
};
type Back = keyof typeof BACK;

/** Gives the message back each time it comes, until the one behind it comes in its place: how often it came. */
async function giveBack(rig: Rig, queue: string, how: Back, most: number): Promise<number> {
  const open = async (): Promise<RawClient> => {
    const client = await RawClient.open({ port: rig.sidecar.port, vhost: rig.vhost.name });
    client.send(request.consume(1, queue, 'tag'));
    return client;
  };
  let client = await open();
  let came = 0;
  for (;;) {
    const frames = await until(() => {
      const at = client.frames.findIndex((frame) => frame[0] === BODY);
      return at >= 0 && client.frames.splice(0, at + 1);
    }, 'a message comes');
    const tag = Number(frames.find((frame) => isMethod(frame, 60, 60))?.readBigUInt64BE(11 + 4) ?? 0);
    if (frames.at(-1)?.subarray(7, -1).toString() === 'next') {
      client.send(method(1, 60, 80, u64(tag), bits(false)), qos);
      await until(() => client.frames.some((frame) => isMethod(frame, 60, 11)), 'all is read');
      await client.close();
      return came;
    }
    came++;
    const frame = BACK[how]?.(tag);
    if (frame !== undefined) client.send(frame);
    else if (how === 'channel') {
      client.send(request.closeChannel(1));
      await until(() => client.frames.some((each) => isMethod(each, 20, 41)), 'the channel is closed');
      client.frames.length = 0;
      client.send(request.openChannel(1), request.consume(1, queue, 'tag'));
    } else {
      await client.close();
      client = await open();
    }
    if (came === most) await put(rig, queue, 'next');
  }
}

const REASONS: Record<Back, string> = {
  nack: 'nack',
  reject: 'reject',
  recover: 'recover',
  channel: 'channel_closed',
  connection: 'connection_closed',
};

inModes(
  (rig) => {
    const majorOf = async (): Promise<number> => {
      const connection = await rig.open();
      const { version } = connection.connection.serverProperties as { version: string };
      await connection.close();
      return Number.parseInt(version, 10);
    };

    test.each(Object.keys(BACK) as Back[])(
      'a message given back at the declared limit, by %s, is lost, and named',
      async (how) => {
        const queue = await declared(rig, { 'x-delivery-limit': LIMIT });
        const traceId = await put(rig, queue, 'x');
        expect(await giveBack(rig, queue, how, LIMIT + 1)).toBe(LIMIT + 1);
        expect(await rig.figures(queue)).toEqual({
          [`requeued ${REASONS[how]}`]: LIMIT,
          'consume success': 1,
          'consume failed': 1,
          'consume lost delivery_limit': 1,
        });
        expect(await rig.losses(queue)).toEqual([
          { exchange: '', routingKey: queue, queue, reason: 'delivery_limit', traceId },
        ]);
        expect(await rig.stored(queue)).toEqual([]);
      },
    );

    test('where it is dead-lettered then, it is not lost', async () => {
      const grave = unique('grave');
      await (await rig.aside()).assertQueue(grave);
      const to = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': grave };
      const queue = await declared(rig, { 'x-delivery-limit': LIMIT, ...to });
      await put(rig, queue, 'x');
      expect(await giveBack(rig, queue, 'nack', LIMIT + 1)).toBe(LIMIT + 1);
      expect(await rig.figures(queue)).toEqual({ 'requeued nack': LIMIT, 'consume success': 1, 'consume failed': 1 });
      expect(await rig.losses(queue)).toEqual([]);
      await until(async () => (await rig.stored(grave)).length === 1, 'it is in the other queue');
    });

    test('settled at the limit, it is what its settlement says', async () => {
      const queue = await declared(rig, { 'x-delivery-limit': 1 });
      await put(rig, queue, 'x');
      const connection = await rig.open();
      const channel = await connection.createChannel();
      let came = 0;
      await channel.consume(queue, (message) => {
        if (message === null) return;
        if (++came === 1) channel.nack(message);
        else channel.ack(message);
      });
      await until(() => came === 2, 'it has come again');
      await channel.checkQueue(queue);
      await connection.close();
      expect(await rig.figures(queue)).toEqual({ 'requeued nack': 1, 'consume success': 1 });
    });

    describe('a queue that was not seen to be declared', () => {
      test('loses at the broker’s default, if that is its limit: nobody knows', async () => {
        const major = await majorOf();
        const queue = await declared(rig, {}, false);
        await put(rig, queue, 'x');
        const most = DEFAULT_LIMIT + 1;
        const settled = major < 4 ? most : await giveBack(rig, queue, 'nack', most);
        expect(settled).toBe(most);
        if (major < 4) return;
        expect(await rig.figures(queue)).toEqual({
          'requeued nack': DEFAULT_LIMIT,
          'consume success': 1,
          'consume unknown delivery_limit': 1,
        });
        expect(await rig.losses(queue)).toEqual([]);
      });
    });

    test('a queue declared anew has no limit of the one before', async () => {
      const queue = await declared(rig, { 'x-delivery-limit': 1 });
      const connection = await rig.open();
      const channel = await connection.createChannel();
      await channel.deleteQueue(queue);
      await channel.assertQueue(queue, { durable: true, arguments: QUORUM });
      await put(rig, queue, 'x');
      let came = 0;
      await channel.consume(queue, (message) => {
        if (message === null) return;
        if (++came < 5) channel.nack(message);
        else channel.ack(message);
      });
      await until(() => came === 5, 'it has come five times');
      await channel.checkQueue(queue);
      await connection.close();
      expect(await rig.figures(queue)).toEqual({ 'requeued nack': 4, 'consume success': 1 });
    });
  },
  { modes: ['returns'] },
);
