import { fileURLToPath } from 'node:url';
import { AMQPClient } from '@cloudamqp/amqp-client';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { pikaPython } from '../../scripts/provision.mjs';
import { run } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { closeOf, confirmChannel, connection, channel as openChannel } from '../behaviour/amqplib.ts';
import { rulesOf, type Site, startSite } from './site.ts';

const faults = {
  drop: '{ type: drop }',
  half: '{ type: drop, toxicity: 0.5 }',
  nack: '{ type: nack }',
  duplicate: '{ type: duplicate }',
  mixed: '{ type: drop, toxicity: 0.3 }, { type: duplicate, toxicity: 0.3 }, { type: reorder, toxicity: 0.3 }',
  reorder: '{ type: reorder, attributes: { distance: 3, wait: 200ms } }',
  latency: '{ type: latency, attributes: { latency: 300ms, jitter: 20ms } }',
  bandwidth: '{ type: bandwidth, attributes: { rate: 50 } }',
  stall: '{ type: stall }',
  hidden: '{ type: hide_confirms }',
  reset: '{ type: reset }',
  'close-connection': '{ type: close_connection, attributes: { code: 541, text: on purpose } }',
  'close-channel': '{ type: close_channel, attributes: { code: 404 } }',
};
const names = Object.keys(faults);

describe.each(['returns', 'confirms'])('faults on publishes, --loss %s', (loss) => {
  let site: Site;
  beforeAll(async () => {
    site = await startSite([...names, 'healthy'], rulesOf(faults), ['--loss', loss]);
  });
  afterAll(() => site?.stop());

  const bodies = (count: number) => Array.from({ length: count }, (_, index) => String(index));

  /** Publishes under amqplib's confirms, all at once; which were acked and which nacked, by body. */
  async function confirmed(queue: string, count: number) {
    const channel = await confirmChannel(site.url);
    const seen = { acked: [] as string[], nacked: [] as string[] };
    await Promise.all(
      bodies(count).map(
        (body) =>
          new Promise<void>((resolve) => {
            channel.sendToQueue(queue, Buffer.from(body), {}, (error) => {
              seen[error ? 'nacked' : 'acked'].push(body);
              resolve();
            });
          }),
      ),
    );
    return seen;
  }

  /** The same, one after the other, with amqp-client. */
  async function confirmedOneByOne(queue: string, count: number) {
    const client = new AMQPClient(site.url);
    await client.connect();
    onTestFinished(async () => void (await client.close()));
    const channel = await client.channel();
    await channel.confirmSelect();
    const seen = { acked: [] as string[], nacked: [] as string[] };
    for (const body of bodies(count)) {
      await channel.basicPublish('', queue, body).then(
        () => seen.acked.push(body),
        () => seen.nacked.push(body),
      );
    }
    return seen;
  }

  test.each([
    ['amqplib', confirmed],
    ['amqp-client', confirmedOneByOne],
  ])('drop: %s gets a nack for each message that was dropped, an ack for each that was not', async (_, publish) => {
    const before = await site.sidecar.metrics();
    const earlier = before.sum('event_bytes_total', { topic: 'half', side: 'publish' }) === 0 ? 0 : 100;
    const seen = await publish('half', 100);
    expect(await site.stored('half')).toEqual(seen.acked.toSorted((a, b) => Number(a) - Number(b)));
    expect(seen.acked.length + seen.nacked.length).toBe(100);
    expect(seen.nacked.length).toBeGreaterThan(0);
    expect(seen.acked.length).toBeGreaterThan(0);
    const lostBefore = before.sum('event_lost_total', { topic: 'half', reason: 'fault' });
    expect(await site.outcomes('half', earlier + 100)).toEqual({
      success: earlier - lostBefore + seen.acked.length,
      fault: lostBefore + seen.nacked.length,
      unknown: 0,
    });
  });

  test('drop without confirms: nothing comes back, and the loss is counted', async () => {
    const channel = await openChannel(site.url);
    for (const body of bodies(10)) channel.sendToQueue('drop', Buffer.from(body), { mandatory: body === '3' });
    await channel.checkQueue('healthy');
    expect(await site.stored('drop')).toEqual([]);
    expect(await site.outcomes('drop', 10)).toEqual({ success: 0, fault: 10, unknown: 0 });
  });

  test('nack: apps with confirms get one, others are left alone', async () => {
    expect(await confirmed('nack', 5)).toEqual({ acked: [], nacked: bodies(5) });
    const channel = await openChannel(site.url);
    channel.sendToQueue('nack', Buffer.from('unconfirmed'));
    await channel.checkQueue('healthy');
    expect(await site.stored('nack')).toEqual(['unconfirmed']);
    expect(await site.outcomes('nack', 6)).toEqual({ success: 1, fault: 5, unknown: 0 });
  });

  test('duplicate: twice in the queue, confirmed and counted once', async () => {
    const seen = await confirmed('duplicate', 20);
    expect(seen.acked.toSorted((a, b) => Number(a) - Number(b))).toEqual(bodies(20));
    expect(await site.stored('duplicate')).toEqual(bodies(20).flatMap((body) => [body, body]));
    expect(await site.outcomes('duplicate', 20)).toEqual({ success: 20, fault: 0, unknown: 0 });
  });

  test('reorder: all arrive, none more than three places late', async () => {
    const seen = await confirmed('reorder', 200);
    expect(seen.nacked).toEqual([]);
    const stored = (await site.stored('reorder')).map(Number);
    expect(stored.toSorted((a, b) => a - b)).toEqual(bodies(200).map(Number));
    expect(stored).not.toEqual(bodies(200).map(Number));
    stored.forEach((number, place) => {
      const overtook = stored.slice(0, place).filter((earlier) => earlier > number);
      expect(overtook.length).toBeLessThanOrEqual(3);
    });
    expect(await site.outcomes('reorder', 200)).toEqual({ success: 200, fault: 0, unknown: 0 });
  });

  test('dropped, repeated and reordered on one channel: each confirm is for its own message', async () => {
    const seen = await confirmed('mixed', 500);
    const stored = await site.stored('mixed');
    expect(new Set(stored)).toEqual(new Set(seen.acked));
    expect(stored.length).toBeGreaterThan(seen.acked.length);
    expect(await site.outcomes('mixed', 500)).toEqual({
      success: seen.acked.length,
      fault: seen.nacked.length,
      unknown: 0,
    });
  });

  test('latency: what follows on the channel waits too, and arrives in order', async () => {
    const channel = await confirmChannel(site.url);
    const sent = performance.now();
    channel.sendToQueue('latency', Buffer.from('slow'));
    channel.sendToQueue('healthy', Buffer.from('behind'));
    await channel.waitForConfirms();
    expect(performance.now() - sent).toBeGreaterThanOrEqual(270);
    expect(await site.stored('latency')).toEqual(['slow']);
    expect(await site.stored('healthy')).toEqual(['behind']);
    expect(await site.outcomes('latency', 1)).toEqual({ success: 1, fault: 0, unknown: 0 });
  });

  test('stall: other channels go on; what is held goes when the connection closes, in order', async () => {
    const model = await connection(site.url);
    const [stalled, other] = [await model.createChannel(), await model.createConfirmChannel()];
    for (const body of bodies(5)) stalled.sendToQueue('stall', Buffer.from(body));
    for (let n = 0; n < 3; n++) {
      other.sendToQueue('healthy', Buffer.from(String(n)));
      await other.waitForConfirms();
    }
    expect(await site.stored('stall')).toEqual([]);
    expect(await site.stored('healthy')).toEqual(bodies(3));
    await model.close();
    const found: string[] = [];
    await until(async () => {
      found.push(...(await site.stored('stall')));
      return found.length === 5;
    }, 'all five are there');
    expect(found).toEqual(bodies(5));
    expect(await site.outcomes('stall', 5)).toMatchObject({ fault: 0 });
  });

  test('bandwidth: bytes take their time, bodies in pieces stay whole', async () => {
    const channel = await confirmChannel(site.url);
    const body = Buffer.alloc(20_000, 'x');
    const sent = performance.now();
    channel.sendToQueue('bandwidth', body);
    await channel.waitForConfirms();
    // 50 kilobytes a second
    expect(performance.now() - sent).toBeGreaterThanOrEqual(380);
    expect(await site.stored('bandwidth')).toEqual([body.toString()]);
  });

  test('hide_confirms: the figures know at once, the app when it ends', async () => {
    const channel = await confirmChannel(site.url);
    const confirms: string[] = [];
    const publish = (queue: string, body: string) =>
      channel.sendToQueue(queue, Buffer.from(body), {}, () => confirms.push(body));
    for (const body of bodies(3)) publish('hidden', body);
    publish('healthy', 'seen');
    expect(await site.outcomes('hidden', 3)).toEqual({ success: 3, fault: 0, unknown: 0 });
    expect(await site.stored('hidden')).toEqual(bodies(3));
    await until(() => confirms.length === 1, 'the other confirm has come');
    expect(confirms).toEqual(['seen']);
    await site.stored('healthy');
  });

  test('reset: the connection is gone, the message that set it off is lost', async () => {
    const model = await connection(site.url);
    const errors: (Error & { code?: string | number })[] = [];
    model.on('error', (error) => errors.push(error));
    const gone = new Promise((resolve) => model.once('close', resolve));
    const channel = await model.createChannel();
    channel.on('error', () => {});
    channel.sendToQueue('reset', Buffer.from('x'));
    await gone;
    expect(errors.map(({ code }) => code)).toEqual(['ECONNRESET']);
    expect(await site.stored('reset')).toEqual([]);
    expect(await site.outcomes('reset', 1)).toEqual({ success: 0, fault: 1, unknown: 0 });
    const metrics = await until(async () => {
      const now = await site.sidecar.metrics();
      return now.sum('tracehare_connections_closed_total', { by: 'tracehare', code: '0' }) === 1 && now;
    }, 'the end of the connection is counted');
    expect(metrics.sum('tracehare_faults_injected_total', { type: 'reset' })).toBe(1);
  });

  test('close_channel: code and text, and the same number can be used again', async () => {
    const model = await connection(site.url);
    const channel = await model.createChannel();
    const closed = closeOf(channel);
    channel.sendToQueue('close-channel', Buffer.from('x'));
    expect(await closed).toMatchObject({ code: 404, message: expect.stringContaining('tracehare fault') });
    const again = await model.createConfirmChannel();
    again.sendToQueue('healthy', Buffer.from('again'));
    await again.waitForConfirms();
    expect(await site.stored('healthy')).toEqual(['again']);
    expect(await site.outcomes('close-channel', 1)).toEqual({ success: 0, fault: 1, unknown: 0 });
  });

  test('close_connection: code and text, and the broker sees an orderly close', async () => {
    const model = await connection(site.url);
    const error = new Promise<Error & { code?: number }>((resolve) => model.once('error', resolve));
    const gone = new Promise((resolve) => model.once('close', resolve));
    const channel = await model.createChannel();
    channel.on('error', () => {});
    channel.sendToQueue('close-connection', Buffer.from('x'));
    expect(await error).toMatchObject({ code: 541, message: expect.stringContaining('on purpose') });
    await gone;
    expect(await site.outcomes('close-connection', 1)).toEqual({ success: 0, fault: 1, unknown: 0 });
    await until(
      () =>
        site.sidecar.log.some(({ msg, by, code }) => msg === 'connection closed' && by === 'tracehare' && code === 541),
      'the log tells who closed it',
    );
  });

  test('pika sees the same', async () => {
    const asked = ['drop', 'nack', 'duplicate', 'reorder', 'latency', 'reset', 'close-connection', 'close-channel'];
    const script = fileURLToPath(new URL('../clients/pika_faults.py', import.meta.url));
    const { code, stdout, stderr } = await run(pikaPython() ?? 'python3', [script, site.url, '2'], {
      input: JSON.stringify(asked),
    });
    expect(code, String(stderr)).toBe(0);
    expect(JSON.parse(String(stdout))).toEqual({
      drop: ['nack', 'nack'],
      nack: ['nack', 'nack'],
      duplicate: ['ack', 'ack'],
      reorder: ['ack', 'ack'],
      latency: ['ack', 'ack'],
      reset: [['gone']],
      'close-connection': [['connection', 541, 'on purpose']],
      'close-channel': [['channel', 404, 'PRECONDITION_FAILED - tracehare fault']],
    });
  });
});
