import { expect, test } from 'vitest';
import { publish, RawClient } from '../../testing/raw-client.ts';
import { until } from '../../testing/wait.ts';
import { string } from '../../testing/wire.ts';
import { context, inModes, type Rig, unique } from './rig.ts';

const MAX_MESSAGE_SIZE = 50_000;

inModes(
  (rig) => {
    const { mode } = rig;
    const asks = mode !== 'off';

    test('a message larger than the broker takes: named among others, of what came after nobody knows', async () => {
      const queue = unique('work');
      await (await rig.aside()).assertQueue(queue);
      const client = await RawClient.open({ port: rig.sidecar.port, vhost: rig.vhost.name });
      const sizes = [10, 20, MAX_MESSAGE_SIZE + 1, 30, MAX_MESSAGE_SIZE + 1];
      const ids: string[] = [];
      const frames = sizes.map((size) => {
        const { traceId, headers } = context();
        ids.push(traceId);
        return publish(1, {
          exchange: '',
          key: queue,
          body: Buffer.alloc(size),
          headers: [string('traceparent', headers.traceparent)],
        });
      });
      client.send(...frames);
      // in confirms mode the first two may be confirmed before, which the app is not told
      expect((await client.take(20, 40)).readUInt16BE(11)).toBe(406);
      await client.close();

      const figures = await rig.figures(queue);
      const { 'publish success': success = 0, 'publish unknown channel_error': unknown = 0, ...rest } = figures;
      const stored = (await rig.stored(queue)).length;
      expect(stored).toBe(2);
      if (mode === 'confirms') expect(success).toBeLessThanOrEqual(stored);
      expect(success + unknown).toBe(asks ? 4 : 5);
      expect(rest).toEqual({ ...(asks && { 'publish failed': 1 }), 'publish lost too_large': 1 });
      const known = asks ? { routingKey: queue, traceId: ids[2] } : { routingKey: '', traceId: '' };
      expect(await rig.losses(queue)).toEqual([{ exchange: '', queue: '', reason: 'too_large', ...known }]);
    });

    // asked by the app itself in one mode: what it was told is the truth then
    const confirms = mode === 'off';
    test(`a broker killed in mid-stream (the app asks for confirms: ${confirms})`, async () => {
      const queue = unique('work');
      await (await rig.aside()).assertQueue(queue, { durable: true });
      await rig.own.ctl('eval', 'mnesia:sync_log().'); // that there is such a queue shall survive
      const connection = await rig.open();
      let open = true;
      connection.once('close', () => {
        open = false;
      });
      const channel = confirms ? await connection.createConfirmChannel() : await connection.createChannel();
      channel.on('error', () => {});
      let [sent, acked] = [0, 0];
      let killed: Promise<void> | undefined;
      while (open) {
        for (let i = 0; i < 10 && open; i++) {
          const body = Buffer.from(String(sent++));
          if ('waitForConfirms' in channel) {
            const count = (error: unknown) => {
              if (!error) acked++;
            };
            (channel.sendToQueue as (...args: unknown[]) => void)(queue, body, { persistent: true }, count);
          } else channel.sendToQueue(queue, body, { persistent: true });
        }
        if (sent > 1000) killed ??= killInMidStream(rig);
        await new Promise(setImmediate);
      }
      await killed;
      const figures = await rig.figures(queue);
      await rig.own.restart();

      const { 'publish success': success = 0, 'publish unknown connection_lost': unknown = 0, ...rest } = figures;
      expect(rest).toEqual({});
      const stored = new Set(await rig.stored(queue));
      expect(success + unknown).toBeLessThanOrEqual(sent);
      expect(stored.size).toBeLessThanOrEqual(success + unknown);
      if (confirms) expect(success).toBe(acked);
      // what the broker vouched for has survived
      if (confirms || mode === 'confirms') expect(success).toBeLessThanOrEqual(stored.size);
      if (asks) expect(unknown).toBeGreaterThan(0);
      expect(await rig.losses(queue)).toEqual([]);
    });
  },
  { ownBroker: [`max_message_size = ${MAX_MESSAGE_SIZE}`] },
);

/** Frozen first: what passes from then on has no answer when it dies. */
async function killInMidStream({ own, sidecar }: Rig): Promise<void> {
  process.kill(own.pid(), 'SIGSTOP');
  const passed = async (): Promise<number> => (await sidecar.metrics()).sum('event_bytes_total', { side: 'publish' });
  const before = await passed();
  await until(async () => (await passed()) > before, 'more has passed');
  await own.kill();
}
