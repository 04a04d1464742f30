import { fileURLToPath } from 'node:url';
import { AMQPClient } from '@cloudamqp/amqp-client';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { pikaPython } from '../../scripts/provision.mjs';
import { run } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { startPartitioned } from './partitioned.ts';
import { rulesOf, type Site, startSite } from './site.ts';

// What other tests here show with amqplib, another client sees as well; publish.test.ts has more of pika.

const publishes = {
  'slow-line': '{ type: bandwidth, attributes: { rate: 50 } }',
  stall: '{ type: stall }',
  hidden: '{ type: hide_confirms }',
};
const deliveries = {
  slow: '{ type: latency, attributes: { latency: 250ms } }',
  'slow-line-out': '{ type: bandwidth, attributes: { rate: 50 } }',
  stalled: '{ type: stall }',
  closing: '{ type: close_channel, attributes: { code: 404 } }',
  leaving: '{ type: close_connection, attributes: { code: 541, text: moved } }',
  resetting: '{ type: reset }',
};

let site: Site;
beforeAll(async () => {
  const both = `${rulesOf(publishes)}${rulesOf(deliveries, 'consume').split('rules:\n')[1]}`;
  site = await startSite([...Object.keys(publishes), ...Object.keys(deliveries), 'healthy'], both);
});
afterAll(() => site?.stop());

async function connect(): Promise<AMQPClient> {
  const client = new AMQPClient(site.url);
  await client.connect();
  onTestFinished(async () => {
    if (!client.closed) await client.close();
  });
  return client;
}

/** Bodies that a consumer on a channel of its own gets. */
async function consume(client: AMQPClient, queue: string, noAck = true) {
  const channel = await client.channel();
  const got: string[] = [];
  await channel.basicConsume(queue, { noAck }, (message) => void got.push(message.bodyString() ?? ''));
  return got;
}

/** What comes back to a queue, which may take the broker a moment. */
async function storedAgain(queue: string, count: number): Promise<string[]> {
  const found: string[] = [];
  await until(async () => {
    found.push(...(await site.stored(queue)));
    return found.length >= count;
  }, `${count} are in ${queue}`);
  return found;
}

const bodies = ['0', '1', '2', '3', '4'];

test('bandwidth on a publish: bytes take their time, bodies in pieces stay whole', async () => {
  const client = await connect();
  const channel = await client.channel();
  await channel.confirmSelect();
  const body = 'x'.repeat(20_000);
  const sent = performance.now();
  await channel.basicPublish('', 'slow-line', body);
  // 50 kilobytes a second
  expect(performance.now() - sent).toBeGreaterThanOrEqual(380);
  expect(await site.stored('slow-line')).toEqual([body]);
});

test('stall on a publish: other channels go on; what is held goes when the connection closes, in order', async () => {
  const client = await connect();
  const [stalled, other] = [await client.channel(), await client.channel()];
  await other.confirmSelect();
  for (const body of bodies) await stalled.basicPublish('', 'stall', body);
  await other.basicPublish('', 'healthy', 'seen');
  expect(await site.stored('healthy')).toEqual(['seen']);
  expect(await site.stored('stall')).toEqual([]);
  await client.close();
  expect(await storedAgain('stall', 5)).toEqual(bodies);
});

test('hide_confirms: the message arrives, its confirm does not; that of a later one does', async () => {
  const client = await connect();
  const channel = await client.channel();
  await channel.confirmSelect();
  let heard = false;
  const hear = () => {
    heard = true;
  };
  // when the channel is closed below it is rejected
  channel.basicPublish('', 'hidden', 'x').then(hear, () => {});
  await channel.basicPublish('', 'healthy', 'seen');
  expect(await site.outcomes('hidden', 1)).toEqual({ success: 1, fault: 0, unknown: 0 });
  expect(await site.stored('hidden')).toEqual(['x']);
  expect(await site.stored('healthy')).toEqual(['seen']);
  expect(heard).toBe(false);
});

test('latency on deliveries: they come later, in order', async () => {
  const client = await connect();
  const got = await consume(client, 'slow');
  const sent = performance.now();
  await site.store('slow', bodies);
  await until(() => got.length === 5, 'all five have come');
  expect(performance.now() - sent).toBeGreaterThanOrEqual(240);
  expect(got).toEqual(bodies);
});

test('bandwidth on a delivery: it comes whole, as slowly as it must', async () => {
  const client = await connect();
  const body = 'x'.repeat(20_000);
  await site.store('slow-line-out', [body]);
  const asked = performance.now();
  const got = await consume(client, 'slow-line-out');
  await until(() => got.length === 1, 'it has come');
  expect(performance.now() - asked).toBeGreaterThanOrEqual(380);
  expect(got).toEqual([body]);
});

test('stall on deliveries: another channel of the connection goes on; unsettled ones come again', async () => {
  await site.store('stalled', bodies);
  await site.store('healthy', bodies);
  const client = await connect();
  const held = await consume(client, 'stalled', false);
  const got = await consume(client, 'healthy');
  await until(() => got.length === 5, 'the other has its five');
  expect(held).toEqual([]);
  await client.close();
  expect(await storedAgain('stalled', 5)).toEqual(bodies);
});

test('close_channel in place of a delivery: code and text; the message stays, the connection too', async () => {
  await site.store('closing', ['x']);
  const client = await connect();
  const channel = await client.channel();
  const closed = new Promise<string>((resolve) => {
    channel.onerror = (reason) => resolve(reason);
  });
  const got: unknown[] = [];
  await channel.basicConsume('closing', { noAck: false }, (message) => void got.push(message)).catch(() => {});
  expect(await closed).toMatch(/tracehare fault \(404\)/);
  expect(got).toEqual([]);
  const again = await client.channel();
  await again.confirmSelect();
  await again.basicPublish('', 'healthy', 'again');
  expect(await site.stored('healthy')).toEqual(['again']);
  expect(await storedAgain('closing', 1)).toEqual(['x']);
});

// amqp-client leaves a rejection unhandled where a connection is reset while it writes
const pika = async (...args: string[]) => {
  const script = fileURLToPath(new URL('../clients/pika_cut.py', import.meta.url));
  const { code, stdout, stderr } = await run(pikaPython() ?? 'python3', [script, ...args]);
  expect(code, String(stderr)).toBe(0);
  return JSON.parse(String(stdout)) as unknown[];
};

test.each([
  ['close_connection', 'leaving', ['connection', 541, 'moved']],
  ['reset', 'resetting', 'gone'],
])('%s in place of a delivery: pika gets that end alone, the message stays in its queue', async (_, queue, end) => {
  await site.store(queue, ['x']);
  expect(await pika(site.url, 'consume', queue)).toEqual([end]);
  expect(await storedAgain(queue, 1)).toEqual(['x']);
});

test('partition: pika is cut, refused, and comes back', async () => {
  const { vhost, sidecar } = await startPartitioned('every: 5s, lasting: 2500ms, existing: cut');
  expect(await pika(vhost.url(sidecar.port), 'dial')).toEqual(['gone', 'refused', 'back']);
});
