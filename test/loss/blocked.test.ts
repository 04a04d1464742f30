import { afterEach, expect, test } from 'vitest';
import { nameOf, publish, RawClient } from '../../testing/raw-client.ts';
import { until } from '../../testing/wait.ts';
import { type Entry, entry, table } from '../../testing/wire.ts';
import { inModes, type Rig, unique } from './rig.ts';

// A broker in an alarm reads nothing of who publishes, and forgets what it has not read when the connection ends:
// its silence says nothing. Not all clients are told.

const TOLD: Entry[] = [entry('capabilities', 'F', table([entry('connection.blocked', 't', Buffer.of(1))]))];

const open = ({ sidecar, vhost }: Rig, properties: Entry[]): Promise<RawClient> =>
  RawClient.open({ port: sidecar.port, vhost: vhost.name, properties });

const some = (count: number, key: string): Buffer[] =>
  Array.from({ length: count }, () => publish(1, { exchange: '', key, body: 'x' }));

async function queueOf(rig: Rig): Promise<string> {
  const queue = unique('q');
  await (await rig.aside()).assertQueue(queue, { durable: true });
  return queue;
}

/** The alarm is on, and a client that publishes to `queue` has been told so. */
async function blocked(rig: Rig, queue: string): Promise<RawClient> {
  const client = await open(rig, TOLD);
  await rig.own.ctl('set_vm_memory_high_watermark', '0.000001');
  // the broker tells who publishes, and learns of its own alarm a little later
  await until(() => {
    if (client.frames.length === 0) client.send(...some(1, queue));
    return client.frames.length > 0;
  }, 'it is blocked');
  await client.take(10, 60);
  return client;
}

const unblock = (rig: Rig): Promise<string> => rig.own.ctl('set_vm_memory_high_watermark', 'absolute', '64GB');

/** Longer than a return is waited for. */
async function waitWhileBlocked({ sidecar }: Rig): Promise<void> {
  const blocked = async (): Promise<number> => (await sidecar.metrics()).sum('tracehare_blocked_seconds_total');
  const before = await blocked();
  await until(async () => (await blocked()) > before + 2, 'a while has passed');
}

inModes(
  (rig) => {
    afterEach(() => unblock(rig));

    test('what a blocked broker has not read when the connection ends is unknown', async () => {
      const [queue, own] = [await queueOf(rig), await queueOf(rig)];
      const client = await blocked(rig, queue);
      client.send(...some(100, own), ...some(100, unique('nowhere')));
      await waitWhileBlocked(rig);
      client.socket.resetAndDestroy();
      const figures = await rig.figures(own);
      await unblock(rig);
      expect(await rig.stored(own)).toEqual([]);
      expect(figures).toEqual({ 'publish unknown connection_lost': 100 });
    });

    test('what waited for a blocked broker has its outcome once that reads again', async () => {
      const [queue, own, nowhere] = [await queueOf(rig), await queueOf(rig), unique('nowhere')];
      const client = await blocked(rig, queue);
      client.send(...some(100, own), ...some(50, nowhere));
      await waitWhileBlocked(rig);
      const before = await rig.sidecar.metrics();
      expect(before.sum('event_throughput_total', { topic: own })).toBe(0);
      await unblock(rig);
      await client.take(10, 61);
      await until(
        async () => (await rig.sidecar.metrics()).sum('event_throughput_total', { topic: own }) === 100,
        'they count',
      );
      await client.close();
      expect(client.frames.map(nameOf)).toEqual(['10.51']);
      expect(await rig.figures(own)).toEqual({ 'publish success': 100 });
      expect(await rig.figures(nowhere)).toEqual(
        rig.mode === 'off' ? { 'publish success': 50 } : { 'publish failed': 50, 'publish lost unroutable': 50 },
      );
      expect(await rig.stored(own)).toHaveLength(100);
    });

    test('a client that is never told is blocked as well, also when the one that was told is gone', async () => {
      const [queue, own] = [await queueOf(rig), await queueOf(rig)];
      const untold = await open(rig, []);
      const told = await blocked(rig, queue);
      untold.send(...some(100, own));
      await waitWhileBlocked(rig);
      told.socket.resetAndDestroy();
      const again = await open(rig, TOLD);
      again.send(...some(1, queue));
      await again.take(10, 60);
      await waitWhileBlocked(rig);
      expect(await (await rig.aside()).checkQueue(own)).toMatchObject({ messageCount: 0 });
      untold.socket.resetAndDestroy();
      again.socket.resetAndDestroy();
      // what the broker's process had of them is stored later: nobody on this side can know
      expect(await rig.figures(own)).toEqual({ 'publish unknown connection_lost': 100 });
    });
  },
  { ownBroker: [] },
);
