import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Message, nameOf, publish, RawClient, request } from '../../testing/raw-client.ts';
import { until } from '../../testing/wait.ts';
import { bits, type Entry, isMethod, method, string, u16, u32 } from '../../testing/wire.ts';
import { inModes, type Rig, unique, uniqueApp } from './rig.ts';

const CONFIG = `
loss:
  settleOnClose: 10s
  exempt: [{ user: guest, connectionName: transactional }]
`;

const named = (name: string): Entry[] => [string('product', 'raw'), string('connection_name', name)];
const open = ({ sidecar, vhost }: Rig, channels = 1, name = uniqueApp()): Promise<RawClient> =>
  RawClient.open({ port: sidecar.port, vhost: vhost.name, properties: named(name) }, channels);

interface Confirm {
  ack: boolean;
  tag: number;
  multiple: boolean;
}

/** Takes confirms, and nothing else, until all of `first` to `last` are confirmed. */
async function confirms(client: RawClient, last: number, first = 1): Promise<Confirm[]> {
  const got: Confirm[] = [];
  const confirmed = new Set<number>();
  while (confirmed.size < last - first + 1) {
    const frame = await client.next();
    expect(['60.80', '60.120']).toContain(nameOf(frame));
    const confirm = {
      ack: isMethod(frame, 60, 80),
      tag: Number(frame.readBigUInt64BE(11)),
      multiple: (frame[19] & 1) === 1,
    };
    got.push(confirm);
    for (let tag = confirm.multiple ? first : confirm.tag; tag <= confirm.tag; tag++) confirmed.add(tag);
  }
  expect([Math.min(...confirmed), Math.max(...confirmed)]).toEqual([first, last]);
  return got;
}

/** A request whose answer can only be the next frame if nothing came that the app did not ask for. */
const nothingElse = (client: RawClient, channel = 1): Promise<Buffer> =>
  client.call(method(channel, 60, 10, u32(0), u16(10), bits(false)), 60, 11);

async function queueOf(rig: Rig, args = {}): Promise<string> {
  const queue = unique('q');
  await (await rig.aside()).assertQueue(queue, { arguments: args });
  return queue;
}

inModes(
  (rig) => {
    const { mode } = rig;
    const asks = mode !== 'off';

    describe('an app that did not ask for anything is told nothing', () => {
      test('of returns, acks and nacks', async () => {
        const queue = await queueOf(rig, { 'x-max-length': 3, 'x-overflow': 'reject-publish' });
        const nowhere = unique('nowhere');
        const client = await open(rig, 2);
        for (let i = 0; i < 20; i++) {
          client.send(publish(1, { exchange: '', key: queue, body: 'x' }));
          client.send(publish(2, { exchange: '', key: nowhere, body: 'x' }));
        }
        await nothingElse(client, 1);
        await nothingElse(client, 2);
        // the acks that came behind these
        await client.call(request.closeChannel(1), 20, 41);
        await client.call(request.closeChannel(2), 20, 41);
        expect(client.frames).toEqual([]);
        await client.close();
        expect(await rig.figures(nowhere)).toEqual(
          asks ? { 'publish failed': 20, 'publish lost unroutable': 20 } : { 'publish success': 20 },
        );
      });

      test.each([0, 1, 4096, 131_064, 131_065, 1 << 20])(
        'of a returned body of %i bytes: it is streamed away',
        async (size) => {
          const nowhere = unique('nowhere');
          const client = await open(rig);
          const message = { exchange: '', key: nowhere, body: Buffer.alloc(size, 7) };
          client.send(publish(1, message), publish(1, message));
          await nothingElse(client);
          await client.close();
          const figures = asks ? { 'publish failed': 2, 'publish lost unroutable': 2 } : { 'publish success': 2 };
          expect(await rig.figures(nowhere)).toEqual(figures);
        },
      );

      test('of the returns between those it asked for, whose bodies come whole', async () => {
        const nowhere = unique('nowhere');
        const client = await open(rig);
        const bodies = [0, 10, 131_064, 131_065, 300_000, 0].map((size, i) => Buffer.alloc(size, i));
        for (const each of bodies) {
          client.send(publish(1, { exchange: '', key: nowhere, body: each }));
          client.send(publish(1, { exchange: '', key: nowhere, body: each, mandatory: true }));
        }
        for (const each of bodies) {
          await client.take(60, 50);
          const got = await client.next();
          expect(Number(got.readBigUInt64BE(11))).toBe(each.length);
          const parts: Buffer[] = [];
          while (Buffer.concat(parts).length < each.length) parts.push((await client.next()).subarray(7, -1));
          expect(Buffer.concat(parts).equals(each)).toBe(true);
        }
        await nothingElse(client);
        await client.close();
        const lost = asks ? 12 : 6;
        expect(await rig.figures(nowhere)).toEqual({
          ...(!asks && { 'publish success': 6 }),
          'publish failed': lost,
          'publish lost unroutable': lost,
        });
      });
    });

    describe('an app that selects confirms late', () => {
      test.each([
        [0, false],
        [1, false],
        [7, true],
        [500, false],
        [500, true],
      ])('after %i publishes (nowait: %s): its tags start at 1', async (before, nowait) => {
        const [queue, nowhere] = [await queueOf(rig), unique('nowhere')];
        const client = await open(rig);
        const some = (count: number): Buffer[] =>
          Array.from({ length: count }, (_, i) =>
            publish(1, { exchange: '', key: i % 5 === 4 ? nowhere : queue, body: 'x', persistent: true }),
          );
        client.send(...some(before), request.confirmSelect(1, nowait), ...some(300));
        if (!nowait) await client.take(85, 11);
        const got = await confirms(client, 300);
        expect(got.every(({ ack }) => ack)).toBe(true);
        // selecting again answers, and does not start anew
        await client.call(request.confirmSelect(1), 85, 11);
        client.send(...some(10));
        await confirms(client, 310, 301);
        await client.close();

        const unroutable = (asks ? Math.floor(before / 5) : 0) + (asks ? 60 + 2 : 0);
        expect(await rig.figures(queue)).toEqual({ 'publish success': before + 310 - Math.floor(before / 5) - 62 });
        expect(await rig.figures(nowhere)).toEqual(
          asks
            ? { 'publish failed': unroutable, 'publish lost unroutable': unroutable }
            : { 'publish success': Math.floor(before / 5) + 62 },
        );
      });
    });

    test('interleaved publishes on two channels, and one broken off by the close of its channel', async () => {
      const queue = await queueOf(rig);
      const client = await open(rig, 3);
      const frames = (channel: number): Buffer[] => {
        const bytes = publish(channel, { exchange: '', key: queue, body: `on ${channel}` });
        const methodEnd = 8 + bytes.readUInt32BE(3);
        const headerEnd = methodEnd + 8 + bytes.readUInt32BE(methodEnd + 3);
        return [bytes.subarray(0, methodEnd), bytes.subarray(methodEnd, headerEnd), bytes.subarray(headerEnd)];
      };
      const [one, two, three] = [frames(1), frames(2), frames(3)];
      client.send(one[0], two[0], three[0], two[1], one[1], one[2], two[2]);
      await nothingElse(client, 1);
      await nothingElse(client, 2);
      client.send(request.closeChannel(3));
      // RabbitMQ takes it for a frame out of order (505) and closes the connection
      expect(isMethod(await client.next(), 10, 50)).toBe(true);
      client.socket.destroy();
      await until(async () => (await rig.sidecar.metrics()).value('tracehare_connections') === 0, 'it is gone');
      expect((await rig.stored(queue)).toSorted()).toEqual(['on 1', 'on 2']);
    });

    describe('transactions', () => {
      const message = (key: string): Message => ({ exchange: '', key, body: 'x' });

      test('count at the commit, and not at all after a rollback', async () => {
        const [queue, nowhere] = [await queueOf(rig), unique('nowhere')];
        const client = await open(rig);
        await client.call(request.txSelect(1), 90, 11);
        client.send(publish(1, message(queue)), publish(1, message(nowhere)), publish(1, message(queue)));
        await client.call(request.txCommit(1), 90, 21);
        client.send(publish(1, message(queue)), publish(1, message(nowhere)));
        await client.call(request.txRollback(1), 90, 31);
        client.send(publish(1, { ...message(nowhere), mandatory: true }));
        client.send(request.txCommit(1));
        for (const [classId, methodId] of [[60, 50]] as const) await client.take(classId, methodId);
        await client.next();
        await client.next();
        await client.take(90, 21);
        // never committed
        client.send(publish(1, message(queue)));
        await client.close();
        expect(await rig.figures(queue)).toEqual({ 'publish success': 2 });
        expect(await rig.figures(nowhere)).toEqual({
          ...(!asks && { 'publish success': 1 }),
          'publish failed': asks ? 2 : 1,
          'publish lost unroutable': asks ? 2 : 1,
        });
        expect(await rig.stored(queue)).toHaveLength(2);
      });

      test('chosen after a plain publish: refused once where we selected confirms, and never again', async () => {
        const queue = await queueOf(rig);
        const job = () => `job-${randomUUID()}`;
        const conflicts = async () => (await rig.sidecar.metrics()).sum('tracehare_shadow_conflicts_total');
        const before = await conflicts();
        const client = await open(rig, 2, job());
        client.send(publish(1, message(queue)));
        client.send(request.txSelect(1));
        const answer = await client.next();
        if (mode !== 'confirms') expect(nameOf(answer)).toBe('90.11');
        else {
          expect([nameOf(answer), answer.readUInt16BE(11)]).toEqual(['20.40', 406]);
          client.send(method(1, 20, 41));
          await client.call(request.openChannel(1), 20, 11);
        }
        // it tries again, on the same channel, on one that was open already, and on another connection
        for (const [each, channel] of [
          [client, mode === 'confirms' ? 1 : 2],
          [client, 2],
          [await open(rig, 1, job()), 1],
        ] as const) {
          each.send(publish(channel, message(queue)));
          await each.call(request.txSelect(channel), 90, 11);
          each.send(publish(channel, message(queue)));
          await each.call(request.txCommit(channel), 90, 21);
          if (each !== client) await each.close();
        }
        await client.close();
        expect((await conflicts()) - before).toBe(mode === 'confirms' ? 1 : 0);
        const stored = (await rig.stored(queue)).length;
        const { 'publish success': success = 0, 'publish unknown channel_error': unknown = 0 } =
          await rig.figures(queue);
        expect(success + unknown).toBe(stored);
        expect(unknown).toBeLessThanOrEqual(mode === 'confirms' ? 1 : 0);
      });

      test('chosen on one channel show that others may be: none of such a client is refused', async () => {
        const queue = await queueOf(rig);
        const first = await open(rig, 2, 'shard 1 of 2');
        await first.call(request.txSelect(1), 90, 11);
        for (const [client, channel] of [
          [first, 2],
          [await open(rig, 1, 'shard 2 of 2'), 1],
        ] as const) {
          client.send(publish(channel, message(queue)));
          await client.call(request.txSelect(channel), 90, 11);
          await client.close();
        }
        expect(await rig.figures(queue)).toEqual({ 'publish success': 2 });
      });

      test('of an exempt client are never refused', async () => {
        const queue = await queueOf(rig);
        const client = await open(rig, 1, 'transactional');
        client.send(publish(1, message(queue)));
        await client.call(request.txSelect(1), 90, 11);
        client.send(publish(1, message(queue)));
        await client.call(request.txCommit(1), 90, 21);
        await client.close();
        expect(await rig.figures(queue)).toEqual({ 'publish success': 2 });
      });

      test('leave no outcome behind when their exchange is missing', async () => {
        const missing = unique('missing');
        const client = await open(rig);
        await client.call(request.txSelect(1), 90, 11);
        client.send(publish(1, { exchange: missing, key: 'key', body: 'x' }));
        await client.take(20, 40);
        await client.close();
        expect(await rig.figures(missing)).toEqual({});
      });
    });
  },
  { config: CONFIG },
);
