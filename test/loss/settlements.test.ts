import { describe, expect, test } from 'vitest';
import { publish, RawClient, request } from '../../testing/raw-client.ts';
import { until } from '../../testing/wait.ts';
import { bits, HEADER, isMethod, method, u16, u32, u64 } from '../../testing/wire.ts';
import { context, inModes, type Rig, sorted, unique } from './rig.ts';

const COUNT = 10;

const ack = (tag: number, multiple = false): Buffer => method(1, 60, 80, u64(tag), bits(multiple));
const reject = (tag: number, requeue = false): Buffer => method(1, 60, 90, u64(tag), bits(requeue));
const nack = (tag: number, multiple = false, requeue = false): Buffer =>
  method(1, 60, 120, u64(tag), bits(multiple, requeue));
const qos = method(1, 60, 10, u32(0), u16(0), bits(false));
const recover = (async: boolean): Buffer => method(1, 60, async ? 100 : 110, bits(true));
const closeOk = method(1, 20, 41);
const acks = (...tags: number[]): Buffer[] => tags.map((tag) => ack(tag));
const commit = request.txCommit(1);
const rollback = request.txRollback(1);

/** A queue with COUNT messages, and their trace ids. */
async function filled(rig: Rig): Promise<{ queue: string; ids: string[] }> {
  const queue = unique('work');
  const aside = await rig.aside();
  await aside.assertQueue(queue);
  const ids: string[] = [];
  for (let i = 0; i < COUNT; i++) {
    const { traceId, headers } = context();
    ids.push(traceId);
    aside.sendToQueue(queue, Buffer.from(String(i)), { headers: { ...headers } });
  }
  await aside.checkQueue(queue);
  return { queue, ids };
}

/** A client that holds all messages of a queue unsettled. */
async function holding(rig: Rig, queue: string, how: { noAck?: boolean; tx?: boolean } = {}): Promise<RawClient> {
  const client = await RawClient.open({ port: rig.sidecar.port, vhost: rig.vhost.name });
  if (how.tx) await client.call(request.txSelect(1), 90, 11);
  client.send(request.consume(1, queue, 'tag', how.noAck));
  await until(() => client.frames.filter((frame) => frame[0] === HEADER).length === COUNT, 'all have come');
  return client;
}

/** Says something that the broker closes the channel for, and ends in order: the code of the close. */
async function refusedOf(client: RawClient, ...said: Buffer[]): Promise<number> {
  client.send(...said, qos);
  const isClose = (frame: Buffer): boolean => isMethod(frame, 20, 40);
  await until(() => client.frames.some(isClose), 'the channel is closed');
  client.send(closeOk);
  await client.close();
  return client.frames.find(isClose)?.readUInt16BE(11) ?? 0;
}

inModes((rig) => {
  describe('a settlement of a tag that is not open: what the broker took before it counts, nothing else does', () => {
    test.each<[string, Buffer[], { noAck?: boolean; tx?: boolean }?]>([
      ['a tag twice', acks(1, 1, 2, 3, 4)],
      ['a tag twice, in the middle of a row', acks(1, 2, 3, 4, 5, 2, 6, 7, 8, 9, 10)],
      ['a tag that a multiple had settled', [ack(3, true), ack(2), ack(5, true)]],
      ['a multiple up to a tag that was settled', [...acks(2, 4), ack(4, true), ack(10, true)]],
      ['a multiple twice', [ack(5, true), ack(5, true), ack(10, true)]],
      ['a tag that was never given', acks(1, 2, 999, 3)],
      ['a multiple up to a tag that was never given', [ack(1), ack(999, true), ack(2)]],
      ['no tag', [ack(1), ack(0), ack(2)]],
      ['a reject of no tag', [ack(1), reject(0), ack(2)]],
      ['a nack of no tag', [ack(1), nack(0), ack(2)]],
      ['the largest tag there is', [ack(1), method(1, 60, 80, Buffer.alloc(8, 0xff), bits(false)), ack(2)]],
      ['a tag that was requeued', [ack(1), nack(3, false, true), ack(3), ack(4)]],
      ['acks behind a basic.recover-async', [ack(1), recover(true), ack(2), ack(3)]],
      ['acks behind a basic.recover', [ack(1), recover(false), ack(2), ack(3)]],
      ['one of a delivery without acks', acks(1, 2), { noAck: true }],
      ['all there are of none, then one again', [ack(0, true), ack(0, true), nack(0, true), ack(1)]],
      ['in a transaction, before the commit', [...acks(1, 2), commit, ...acks(3, 3, 4), commit], { tx: true }],
      ['in a transaction, settled by an earlier commit', [ack(1), commit, ack(1), ack(2), commit], { tx: true }],
      ['in a transaction, a multiple', [ack(3, true), commit, ack(2), commit], { tx: true }],
      [
        'in a transaction, a tag that is open again by a rollback',
        [...acks(1, 2), rollback, ack(1), commit, ack(1), ack(3), commit],
        { tx: true },
      ],
    ])('%s', async (_, said, how = {}) => {
      const { queue } = await filled(rig);
      expect(await refusedOf(await holding(rig, queue, how), ...said)).toBe(406);
      const {
        'consume success': success = 0,
        'consume unknown channel_error': unknown = 0,
        ...rest
      } = await rig.figures(queue);
      const stored = (await rig.stored(queue)).length;
      expect({ success, unknown }).toEqual({ success: COUNT - stored, unknown: 0 });
      const requeued = Object.entries(rest).filter(([kind]) => kind.startsWith('requeued'));
      expect(rest).toEqual(Object.fromEntries(requeued));
      // those that were requeued and came again are requeued twice
      const total = requeued.reduce((sum, [, count]) => sum + count, 0);
      expect(total).toBeGreaterThanOrEqual(stored);
    });

    test('rejects are lost by name only as far as the broker took them', async () => {
      const { queue, ids } = await filled(rig);
      const client = await holding(rig, queue);
      expect(
        await refusedOf(client, reject(1), nack(3, true), reject(2), ...[4, 5, 6, 7].map((tag) => reject(tag))),
      ).toBe(406);
      expect(await rig.figures(queue)).toEqual({
        'consume failed': 3,
        'consume lost rejected': 3,
        'requeued channel_closed': COUNT - 3,
      });
      const lost = ids
        .slice(0, 3)
        .map((traceId) => ({ exchange: '', routingKey: queue, queue, reason: 'rejected', traceId }));
      expect(sorted(await rig.losses(queue))).toEqual(sorted(lost));
      expect(await rig.stored(queue)).toHaveLength(COUNT - 3);
    });

    test('publishes behind it were discarded, those in front of it were not', async () => {
      const { queue } = await filled(rig);
      const to = unique('out');
      await (await rig.aside()).assertQueue(to);
      const client = await holding(rig, queue);
      const out = (): Buffer => publish(1, { exchange: '', key: to, body: 'x' });
      expect(await refusedOf(client, out(), ack(1), out(), ack(1), out(), ack(2), out(), out())).toBe(406);
      const figures = await rig.figures(to);
      const { 'publish success': success = 0, 'publish unknown channel_error': unknown = 0, ...rest } = figures;
      expect(rest).toEqual({});
      expect(success + unknown).toBe(5);
      const stored = (await rig.stored(to)).length;
      expect(stored).toBe(2);
      // a confirm may come too late
      if (rig.mode === 'confirms') expect(success).toBeLessThanOrEqual(stored);
      else expect(success).toBe(stored);
      expect(await rig.figures(queue)).toEqual({ 'consume success': 1, 'requeued channel_closed': COUNT - 1 });
    });

    test('an app that loses its connection meanwhile has settled no more', async () => {
      const { queue } = await filled(rig);
      const client = await holding(rig, queue);
      client.send(...acks(1, 2, 2, 3, 4));
      await until(() => client.frames.some((frame) => isMethod(frame, 20, 40)), 'the channel is closed');
      client.socket.resetAndDestroy();
      expect(await rig.figures(queue)).toEqual({ 'consume success': 2, 'requeued channel_closed': COUNT - 2 });
      expect(await rig.stored(queue)).toHaveLength(COUNT - 2);
    });
  });

  describe('settlements that the broker takes though they look alike', () => {
    test.each<[string, Buffer[], { tx?: boolean }?]>([
      ['multiples of all there are, twice', [ack(0, true), ack(0, true)]],
      ['in a transaction, again behind a rollback', [...acks(1, 2), rollback, ...acks(1, 2), commit], { tx: true }],
      [
        'in a transaction, a multiple and one of it again behind a rollback',
        [ack(1), commit, ack(4, true), rollback, ack(3), commit],
        { tx: true },
      ],
      ['out of order, then a multiple', [...acks(9, 7, 8), ack(10, true)]],
    ])('%s', async (_, said, how = {}) => {
      const { queue } = await filled(rig);
      const client = await holding(rig, queue, how);
      client.send(...said, qos);
      await until(() => client.frames.some((frame) => isMethod(frame, 60, 11)), 'all is read');
      await client.close();
      const { 'consume success': success = 0, ...rest } = await rig.figures(queue);
      const stored = (await rig.stored(queue)).length;
      expect(success).toBe(COUNT - stored);
      expect(rest).toEqual(stored === 0 ? {} : { 'requeued connection_closed': stored });
    });

    test('of a queue that was deleted', async () => {
      const { queue } = await filled(rig);
      const client = await holding(rig, queue);
      await (await rig.aside()).deleteQueue(queue);
      client.send(...acks(1, 2), nack(5, true), qos);
      await until(() => client.frames.some((frame) => isMethod(frame, 60, 11)), 'all is read');
      await client.close();
      const figures = await rig.figures(queue);
      const { 'consume success': success = 0, 'consume failed': failed = 0 } = figures;
      expect(success + failed + (figures['requeued connection_closed'] ?? 0)).toBe(COUNT);
    });
  });

  describe('a channel that the broker closes for another reason', () => {
    const badDeclare = method(1, 50, 10, u16(0), Buffer.from('\x09not there'), bits(true), u32(0));

    test('what was settled in front of it holds; what crossed with the close is told to be doubtful', async () => {
      const { queue } = await filled(rig);
      const client = await holding(rig, queue);
      expect(await refusedOf(client, ...acks(1, 2, 3), badDeclare, ...acks(4, 5), reject(6))).toBe(404);
      const figures = await rig.figures(queue);
      expect(figures).toEqual({
        'consume success': 5,
        'consume failed': 1,
        'consume lost rejected': 1,
        'consume unknown channel_error': 3,
        'requeued channel_closed': 4,
      });
      // nothing is sure to be settled that the broker still has
      expect(await rig.stored(queue)).toHaveLength(COUNT - 3);
    });

    test('publishes in front of it have been read', async () => {
      const { queue } = await filled(rig);
      const to = unique('out');
      await (await rig.aside()).assertQueue(to);
      const client = await holding(rig, queue);
      const out = (): Buffer => publish(1, { exchange: '', key: to, body: 'x', mandatory: true });
      expect(await refusedOf(client, out(), out(), badDeclare, out(), out(), out())).toBe(404);
      const { 'publish success': success = 0, 'publish unknown channel_error': unknown = 0 } = await rig.figures(to);
      expect(success + unknown).toBe(5);
      if (rig.mode === 'confirms') expect(success).toBeLessThanOrEqual(2);
      else expect(success).toBe(2);
      expect(await rig.stored(to)).toHaveLength(2);
    });
  });

  test('settlements behind the app’s own channel.close were not read', async () => {
    const { queue } = await filled(rig);
    const client = await holding(rig, queue);
    client.send(...acks(1, 2), request.closeChannel(1), ...acks(3, 4));
    await until(() => client.frames.some((frame) => isMethod(frame, 20, 41)), 'the channel is closed');
    await client.close();
    expect(await rig.figures(queue)).toEqual({ 'consume success': 2, 'requeued channel_closed': COUNT - 2 });
    expect(await rig.stored(queue)).toHaveLength(COUNT - 2);
  });

  test('a channel.close-ok that nobody asked for forgets nothing', async () => {
    const { queue } = await filled(rig);
    const client = await holding(rig, queue);
    client.send(...acks(1, 2), closeOk, ...acks(3, 4));
    await until(() => client.ended || client.frames.some((frame) => isMethod(frame, 10, 50)), 'the broker objects');
    client.send(method(0, 10, 51));
    client.socket.end();
    expect(await rig.figures(queue)).toEqual({ 'consume success': 2, 'requeued connection_closed': COUNT - 2 });
    expect(await rig.stored(queue)).toHaveLength(COUNT - 2);
  });
});
