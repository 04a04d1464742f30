import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { publish, RawClient, request } from '../../testing/raw-client.ts';
import { createVhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { bits, method, u64 } from '../../testing/wire.ts';
import { confirmChannel, connection, consumer, channel as openChannel, text } from '../behaviour/amqplib.ts';
import { reloaded, startReloadRig } from '../reload/rig.ts';
import { rulesOf, type Site, startSite } from './site.ts';

const HELD_MS = 400;
const queues = {
  held: `{ type: hold_settlements, attributes: { latency: ${HELD_MS}ms } }`,
  blocked: '{ type: hold_settlements }',
  closing: '{ type: hold_settlements }',
  leaving: '{ type: hold_settlements }',
  refused: '{ type: hold_settlements }',
  many: '{ type: hold_settlements }',
};

let site: Site;
beforeAll(async () => {
  site = await startSite([...Object.keys(queues), 'behind'], rulesOf(queues, 'consume'));
});
afterAll(() => site?.stop());

const bodies = ['0', '1', '2', '3', '4'];
const injected = async () =>
  (await site.sidecar.metrics()).sum('tracehare_faults_injected_total', { type: 'hold_settlements' });
const settled = async (topic: string, status = 'success') =>
  (await site.sidecar.metrics()).sum('event_throughput_total', { topic, side: 'consume', status });

/** The next frame of this method, whatever comes before it. */
async function next(client: RawClient, classId: number, methodId: number): Promise<Buffer> {
  for (;;) {
    const frame = await client.next();
    if (frame[0] === 1 && frame.readUInt16BE(7) === classId && frame.readUInt16BE(9) === methodId) return frame;
  }
}

test('settlements come later, and the figures know of none before the broker does', async () => {
  await site.store('held', bodies);
  const channel = await openChannel(site.url);
  await channel.prefetch(5);
  const { first } = await consumer(channel, 'held');
  const messages = await first(5);
  expect(messages.map(text)).toEqual(bodies);
  const sent = performance.now();
  for (const message of messages) channel.ack(message);
  // a request behind them is answered when they have gone
  const answered = channel.checkQueue('held').then(() => performance.now());
  const { unsettled_deliveries, success } = await site.sidecar.metrics().then((metrics) => ({
    unsettled_deliveries: metrics.sum('tracehare_unsettled_deliveries'),
    success: metrics.sum('event_throughput_total', { topic: 'held', side: 'consume', status: 'success' }),
  }));
  // on a machine that stood still they may have gone by now
  if (performance.now() - sent < HELD_MS)
    expect({ unsettled_deliveries, success }).toEqual({ unsettled_deliveries: 5, success: 0 });
  expect((await answered) - sent).toBeGreaterThanOrEqual(HELD_MS - 10);
  expect(await settled('held')).toBe(5);
  const metrics = await site.sidecar.metrics();
  expect(metrics.sum('tracehare_unsettled_deliveries')).toBe(0);
  expect(metrics.sum('event_processing_seconds_sum', { topic: 'held' })).toBeGreaterThanOrEqual(
    (5 * (HELD_MS - 10)) / 1000,
  );
  expect(metrics.sum('tracehare_faults_injected_total', { type: 'hold_settlements' })).toBe(5);
});

test('what the app sends behind a held settlement on its channel stays behind it; other channels go on', async () => {
  await site.store('blocked', ['x']);
  const model = await connection(site.url);
  const [channel, other] = [await model.createConfirmChannel(), await model.createConfirmChannel()];
  const { first } = await consumer(channel, 'blocked');
  const [message] = await first(1);
  expect(await injected()).toBeGreaterThan(0);
  channel.ack(message);
  channel.sendToQueue('behind', Buffer.from('late'));
  other.sendToQueue('behind', Buffer.from('early'));
  await other.waitForConfirms();
  expect(await site.stored('behind')).toEqual(['early']);
  expect(await settled('blocked')).toBe(0);
  expect(await settled('blocked', 'failed')).toBe(0);
  // the end of the connection is not delayed, and what was held goes ahead of it
  await model.close();
  expect(await settled('blocked')).toBe(1);
  expect(await site.stored('behind')).toEqual(['late']);
  expect(await site.stored('blocked')).toEqual([]);
});

test('multiple acks, nacks and rejects wait too, in order', async () => {
  await site.store('closing', bodies);
  const client = await RawClient.open({ port: site.sidecar.port, vhost: site.vhost.name });
  client.send(request.consume(1, 'closing', 'c'));
  for (const _ of bodies) await next(client, 60, 60);
  client.send(
    method(1, 60, 90, u64(4), bits(false)),
    method(1, 60, 80, u64(3), bits(true)),
    method(1, 60, 120, u64(0), bits(true, false)),
  );
  // another channel: the broker has read what was sent before
  client.send(request.openChannel(2));
  await next(client, 20, 11);
  expect(await settled('closing')).toBe(0);
  expect((await site.sidecar.metrics()).sum('tracehare_unsettled_deliveries')).toBe(5);
  await client.close();
  await until(
    async () => (await settled('closing')) === 3 && (await settled('closing', 'failed')) === 2,
    'all are settled',
  );
  expect(await site.stored('closing')).toEqual([]);
});

test('an app that vanishes has settled nothing: the broker has it again, and so say the figures', async () => {
  await site.store('leaving', ['x']);
  const client = await RawClient.open({ port: site.sidecar.port, vhost: site.vhost.name });
  client.send(request.consume(1, 'leaving', 'c'));
  await next(client, 60, 60);
  client.send(method(1, 60, 80, u64(1), bits(false)), request.openChannel(2));
  await next(client, 20, 11);
  client.socket.resetAndDestroy();
  const found: string[] = [];
  await until(async () => {
    found.push(...(await site.stored('leaving')));
    return found.length > 0;
  }, 'the broker has it again');
  expect(found).toEqual(['x']);
  const metrics = await until(async () => {
    const now = await site.sidecar.metrics();
    return now.sum('event_requeued_total', { topic: 'leaving' }) === 1 && now;
  }, 'it counts as requeued');
  expect(metrics.sum('event_throughput_total', { topic: 'leaving', side: 'consume', status: 'success' })).toBe(0);
});

test('a channel that the broker closes is closed at once, whatever is held on it', async () => {
  await site.store('refused', ['x']);
  const client = await RawClient.open({ port: site.sidecar.port, vhost: site.vhost.name });
  client.send(request.consume(1, 'refused', 'c'));
  await next(client, 60, 60);
  // the broker knows no such queue
  client.send(request.consume(1, 'none-of-this-name', 'd'), method(1, 60, 80, u64(1), bits(false)));
  await next(client, 20, 40);
  client.send(method(1, 20, 41), request.openChannel(1));
  await next(client, 20, 11);
  client.send(request.consume(1, 'refused', 'e'));
  const again = await next(client, 60, 60);
  // class and method, the consumer's tag `e`, then the delivery's
  expect(again.readBigUInt64BE(7 + 4 + 2)).toBe(1n);
  client.socket.destroy();
});

test('memory is bounded: an app that sends on and on is not read beyond it, and all goes when the fault ends', async () => {
  const vhost = await createVhost();
  onTestFinished(() => vhost.remove());
  const config = (fault: string) => `upstream: amqp://127.0.0.1:${vhost.port}
faults: { enabled: true }
rules:
  - match: { queue: many }
    ${fault}
`;
  const { sidecar, write: configure } = await startReloadRig(config('faults: [{ type: hold_settlements }]'));
  const beside = await confirmChannel(vhost.url());
  for (const queue of ['many', 'sink']) await beside.assertQueue(queue);
  beside.sendToQueue('many', Buffer.from('x'));
  const client = await RawClient.open({ port: sidecar.port, vhost: vhost.name });
  client.send(request.consume(1, 'many', 'c'));
  await next(client, 60, 60);
  client.send(method(1, 60, 80, u64(1), bits(false)));
  const body = 'x'.repeat(100_000);
  const count = 400;
  const message = publish(1, { exchange: '', key: 'sink', body });
  let passed = 0;
  // one by one: what Node writes together is one length until the last byte of it has gone
  const write = (): void => {
    client.socket.write(message, () => {
      if (++passed < count) write();
    });
  };
  write();
  // 40 MB, of which 16 MiB are held and some lie in buffers of the kernel
  await until(
    () => passed > 100,
    () => `the sidecar holds some of ${passed}`,
  );
  let before = -1;
  await until(() => {
    const isStill = passed === before;
    before = passed;
    return isStill;
  }, 'the app is not read any more');
  expect(passed).toBeLessThan(count - 50);
  expect((await beside.checkQueue('sink')).messageCount).toBe(0);
  await reloaded(sidecar, () => configure(config('topic: many')));
  await until(async () => (await beside.checkQueue('sink')).messageCount === count, 'all of it has come');
  const metrics = await sidecar.metrics();
  expect(metrics.sum('event_throughput_total', { topic: 'many', side: 'consume', status: 'success' })).toBe(1);
  expect(metrics.sum('tracehare_unsettled_deliveries')).toBe(0);
  expect(sidecar.log.filter(({ msg }) => msg === 'fault ended').map(({ type }) => type)).toEqual(['hold_settlements']);
});

test('a consumer that the broker settles for is left alone', async () => {
  await site.store('many', ['x']);
  const before = await injected();
  const channel = await openChannel(site.url);
  const { first } = await consumer(channel, 'many', { noAck: true });
  await first(1);
  await until(async () => (await settled('many')) === 1, 'it is settled');
  expect(await injected()).toBe(before);
});
