import { describe, expect, test } from 'vitest';
import { publish, RawClient } from '../../testing/raw-client.ts';
import { until } from '../../testing/wait.ts';
import { bits, body, encodeHeader, method, short, string, table, u16 } from '../../testing/wire.ts';
import { context, inModes, type Rig, unique } from './rig.ts';

// A broker that refuses a publish says what is wrong with it, but not which one it was.

const open = ({ sidecar, vhost }: Rig, channels = 1): Promise<RawClient> =>
  RawClient.open({ port: sidecar.port, vhost: vhost.name }, channels);

/** A publish with one property behind the headers, and a trace of its own. */
function withProperty(key: string, flag: number, value: Buffer, traceparent: string): Buffer {
  return Buffer.concat([
    method(1, 60, 40, u16(0), short(''), short(key), bits(false)),
    encodeHeader({
      channel: 1,
      classId: 60,
      weight: 0,
      bodySize: 1n,
      flags: [0x2000 | flag],
      before: Buffer.alloc(0),
      entries: [string('traceparent', traceparent)],
      after: value,
    }),
    body(1, Buffer.from('x')),
  ]);
}

const EXPIRATION = 0x0100;
const USER_ID = 0x0010;

inModes((rig) => {
  const asks = rig.mode !== 'off';
  const outcome = asks ? { 'publish failed': 1 } : { 'publish success': 1 };
  const queueOf = async (): Promise<string> => {
    const queue = unique('q');
    await (await rig.aside()).assertQueue(queue, { durable: true });
    return queue;
  };

  describe('a publish whose properties the broker refuses is lost, and named among others', () => {
    test.each([
      ['an expiration that is no number', EXPIRATION, short('5000.5'), short('5000')],
      ['a user-id of somebody else', USER_ID, short('somebody'), undefined],
    ])('%s', async (_, flag, bad, good) => {
      const queue = await queueOf();
      const other = unique('q');
      await (await rig.aside()).assertQueue(other, { durable: true });
      const client = await open(rig);
      const { traceId, headers } = context();
      const fine = good === undefined ? publish(1, { exchange: '', key: other, body: 'x' }) : undefined;
      client.send(
        fine ?? withProperty(other, flag, good as Buffer, context().headers.traceparent),
        withProperty(queue, flag, bad, headers.traceparent),
        publish(1, { exchange: '', key: other, body: 'x' }),
      );
      expect((await client.take(20, 40)).readUInt16BE(11)).toBe(406);
      await client.close();
      expect(await rig.figures(queue)).toEqual({ ...outcome, 'publish lost invalid': 1 });
      const known = asks ? { routingKey: queue, traceId } : { routingKey: '', traceId: '' };
      expect(await rig.losses(queue)).toEqual([{ exchange: '', queue: '', reason: 'invalid', ...known }]);
      // the one in front had been read, the one behind was discarded
      expect(await rig.stored(other)).toHaveLength(1);
      const figures = await rig.figures(other);
      if (rig.mode === 'returns') expect(figures).toEqual({ 'publish success': 1, 'publish unknown channel_error': 1 });
      else expect(figures['publish lost invalid']).toBeUndefined();
    });
  });

  test('a CC that is no array: the only open one is lost, and named', async () => {
    const queue = await queueOf();
    const client = await open(rig);
    client.send(publish(1, { exchange: '', key: queue, body: 'x', headers: [string('CC', 'q')] }));
    expect((await client.take(20, 40)).readUInt16BE(11)).toBe(406);
    await client.close();
    expect(await rig.figures(queue)).toEqual({ ...outcome, 'publish lost invalid': 1 });
    expect(await rig.stored(queue)).toEqual([]);
  });

  test('the immediate bit, which ends the connection: named among those of other channels', async () => {
    const [queue, key] = [await queueOf(), unique('immediate')];
    const client = await open(rig, 2);
    client.send(publish(2, { exchange: '', key: queue, body: 'x' }));
    client.send(publish(1, { exchange: '', key, body: 'x', immediate: true }));
    expect((await client.take(10, 50)).readUInt16BE(11)).toBe(540);
    client.send(method(0, 10, 51));
    await until(() => client.ended, 'the connection has ended');
    client.socket.destroy();
    expect(await rig.figures(key)).toEqual({ ...outcome, 'publish lost invalid': 1 });
    expect((await rig.figures(queue))['publish lost invalid']).toBeUndefined();
  });

  test('an exchange with a name that fills the reply', async () => {
    const exchange = unique('e').padEnd(240, 'x');
    const client = await open(rig);
    client.send(publish(1, { exchange, key: 'key', body: 'x' }));
    expect((await client.take(20, 40)).readUInt16BE(11)).toBe(404);
    await client.close();
    expect(await rig.figures(exchange)).toEqual({ ...outcome, 'publish lost no_exchange': 1 });
  });

  test('publishes in front of another method that fails had been read', async () => {
    const [queue, nowhere, behind] = [await queueOf(), unique('nowhere'), await queueOf()];
    const client = await open(rig);
    client.send(
      publish(1, { exchange: '', key: queue, body: 'x' }),
      publish(1, { exchange: '', key: nowhere, body: 'x' }),
      // it is durable
      method(1, 50, 10, u16(0), short(queue), bits(false), table([])),
      publish(1, { exchange: '', key: behind, body: 'x' }),
    );
    expect((await client.take(20, 40)).readUInt16BE(11)).toBe(406);
    await client.close();
    expect(await rig.stored(queue)).toHaveLength(1);
    expect(await rig.stored(behind)).toEqual([]);
    if (rig.mode === 'off') return;
    const lost = { 'publish failed': 1, 'publish lost unroutable': 1 };
    expect(await rig.figures(nowhere)).toEqual(lost);
    expect(await rig.figures(behind)).toEqual({ 'publish unknown channel_error': 1 });
    const figures = await rig.figures(queue);
    // the broker confirms nothing any more on a channel that it closes, so nobody knows whether it had stored it
    if (rig.mode === 'returns') expect(figures).toEqual({ 'publish success': 1 });
  });
});
