import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OtlpReceiver, startOtlpReceiver } from '../../testing/otlp.ts';
import { until } from '../../testing/wait.ts';
import { closeOf, connection, consumer, channel as openChannel, text } from '../behaviour/amqplib.ts';
import { rulesOf, type Site, startSite } from './site.ts';

const deliveries = {
  slow: '{ type: latency, attributes: { latency: 250ms } }',
  stalled: '{ type: stall }',
  closing: '{ type: close_channel, toxicity: 0.5 }',
  leaving: '{ type: close_connection, attributes: { code: 541, text: moved } }',
  resetting: '{ type: reset }',
};

let site: Site;
let receiver: OtlpReceiver;
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  const rules = `${rulesOf(deliveries, 'consume')}  - match: { routingKey: lost, side: publish }
    faults: [{ type: drop }, { type: latency, attributes: { latency: 1ms } }]
  - match: { queue: mixed, headers: { late: true } }
    faults: [{ type: latency, attributes: { latency: 20s } }]
`;
  site = await startSite([...Object.keys(deliveries), 'healthy', 'lost', 'mixed'], rules, [], {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_TRACES_SAMPLER: 'always_on',
    OTEL_BSP_SCHEDULE_DELAY: '100',
  });
});
afterAll(async () => {
  await site?.stop();
  await receiver?.close();
});

const bodies = ['0', '1', '2', '3', '4'];

test('latency: deliveries come later, in order, and the figure of latency has it', async () => {
  const channel = await openChannel(site.url);
  const { first } = await consumer(channel, 'slow', { noAck: true });
  const sent = performance.now();
  const publisher = await openChannel(site.url);
  for (const body of bodies) publisher.sendToQueue('slow', Buffer.from(body));
  expect((await first(5)).map(text)).toEqual(bodies);
  expect(performance.now() - sent).toBeGreaterThanOrEqual(240);
  const metrics = await until(async () => {
    const now = await site.sidecar.metrics();
    return now.sum('event_throughput_total', { topic: 'slow', side: 'consume', status: 'success' }) === 5 && now;
  }, 'all five are counted');
  expect(metrics.sum('event_latency_seconds_sum', { topic: 'slow' })).toBeGreaterThanOrEqual(5 * 0.24);
});

test('a delivery that no fault is for has nothing of what was decided on the one before', async () => {
  const publisher = await openChannel(site.url);
  publisher.sendToQueue('mixed', Buffer.from('late'), { headers: { late: 1 } });
  publisher.sendToQueue('mixed', Buffer.from('plain'));
  await until(async () => (await publisher.checkQueue('mixed')).messageCount === 2, 'both are there');
  const model = await connection(site.url);
  const [struck, other] = [await model.createChannel(), await model.createChannel()];
  await struck.prefetch(1);
  const late = await consumer(struck, 'mixed');
  const { first } = await consumer(other, 'mixed');
  expect((await first(1)).map(text)).toEqual(['plain']);
  expect(late.got).toEqual([]);
});

test('stall: another channel of the connection goes on, requests on it too', async () => {
  await site.store('stalled', bodies);
  await site.store('healthy', bodies);
  const model = await connection(site.url);
  const [stalled, other] = [await model.createChannel(), await model.createChannel()];
  const held = await consumer(stalled, 'stalled', { noAck: true });
  const { first } = await consumer(other, 'healthy', { noAck: true });
  expect((await first(5)).map(text)).toEqual(bodies);
  await other.checkQueue('healthy');
  expect(held.got).toEqual([]);
  // it is the app's end that decides: nothing of it was delivered, and under noAck it is gone
  await model.close();
});

test('close_channel in place of a delivery: it comes again, and nothing is lost', async () => {
  await site.store('closing', bodies);
  const model = await connection(site.url);
  const consumed: string[] = [];
  let closes = 0;
  while (consumed.length < bodies.length) {
    const channel = await model.createChannel();
    const closed = closeOf(channel).then(({ code }) => {
      expect(code).toBe(406);
      closes++;
      return 'closed';
    });
    await channel.prefetch(1);
    const all = new Promise((resolve) => {
      channel
        .consume('closing', (message) => {
          if (message === null) return;
          consumed.push(text(message));
          channel.ack(message);
          if (consumed.length === bodies.length) resolve('all');
        })
        .catch(() => {});
    });
    await Promise.race([closed, all]);
  }
  expect([...new Set(consumed)].toSorted()).toEqual(bodies);
  await model.close();
  expect((await site.sidecar.metrics()).sum('tracehare_faults_injected_total', { type: 'close_channel' })).toBe(closes);
});

test.each([
  ['close_connection', 'leaving', 541],
  ['reset', 'resetting', 'ECONNRESET'],
])('%s in place of a delivery: the message stays in its queue', async (_, queue, code) => {
  await site.store(queue, ['x']);
  const model = await connection(site.url);
  const error = new Promise<Error & { code?: unknown }>((resolve) => model.once('error', resolve));
  const gone = new Promise((resolve) => model.once('close', resolve));
  const channel = await model.createChannel();
  channel.on('error', () => {});
  const got: unknown[] = [];
  await channel.consume(queue, (message) => got.push(message)).catch(() => {});
  expect((await error).code).toBe(code);
  await gone;
  expect(got.filter((message) => message !== null)).toEqual([]);
  const found: string[] = [];
  await until(async () => {
    found.push(...(await site.stored(queue)));
    return found.length > 0;
  }, 'the broker has it again');
  expect(found).toEqual(['x']);
});

test('spans name the faults, and a lost message its error', async () => {
  const channel = await openChannel(site.url);
  channel.sendToQueue('lost', Buffer.from('x'));
  const span = await until(() => receiver.spans.find(({ name }) => name === 'publish lost'), 'the span has come');
  expect(span.attributes).toMatchObject({ 'tracehare.fault.type': 'drop,latency', 'error.type': 'fault' });
  expect(span.status.code).toBe('ERROR');
  const named = span.events.filter(({ name }) => name === 'tracehare.fault');
  expect(named.map(({ attributes }) => attributes['tracehare.fault.type'])).toEqual(['drop', 'latency']);
  const slow = await until(
    () => receiver.spans.find(({ name }) => name === 'process slow'),
    'a delayed delivery has one',
  );
  expect(slow.attributes).toMatchObject({ 'tracehare.fault.type': 'latency' });
});
