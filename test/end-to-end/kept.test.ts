import type { Channel, ConsumeMessage } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReceivedSpan } from '../../testing/otlp.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { Site } from './apps.ts';
import { Spans } from './spans.ts';
import { traceOf, treeOf } from './tree.ts';

let vhost: Vhost;
let site: Site;
let spans: Spans;
/** in front of the producer, and of the consumer: neither samples anything */
let front: Tracehare;
let back: Tracehare;

const UNSAMPLED = { OTEL_TRACES_SAMPLER: 'always_off' };

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
  spans = await Spans.start();
  front = await site.sidecar({ env: spans.from('front', UNSAMPLED) });
  back = await site.sidecar({
    env: spans.from('back', { OTEL_TRACES_SAMPLER: 'parentbased_always_off' }),
    config: 'tracing: { keep: { slow: 10s, maxPerSecond: 1000 } }',
  });
});

afterAll(async () => {
  await site?.stop();
  await spans?.stop();
  await vhost?.remove();
});

async function consume(
  sidecar: Tracehare,
  queue: string,
  handle: (channel: Channel, message: ConsumeMessage, number: number) => void,
): Promise<void> {
  const channel = await site.channel(sidecar.port);
  let number = 0;
  await channel.consume(queue, (message) => handle(channel, message as ConsumeMessage, ++number));
}

const shown = ({ name, attributes, resource }: ReceivedSpan) => ({
  name,
  kept: attributes['tracehare.kept'],
  service: resource['service.name'],
});

test('a rejected message is a whole trace, written by the sidecar of its consumer', async () => {
  const producer = await site.channel(front.port);
  await producer.assertQueue('rejected');
  await consume(back, 'rejected', (channel, message) => channel.nack(message, false, false));
  const before = BigInt(Date.now() - 1) * 1_000_000n;
  producer.sendToQueue('rejected', Buffer.from('12345'));
  const all = await spans.all('rejected', 2);
  expect(treeOf(all)).toBe('publish rejected\n  process rejected');
  expect(all.map(shown)).toEqual([
    { name: 'publish rejected', kept: undefined, service: 'back' },
    { name: 'process rejected', kept: 'failed', service: 'back' },
  ]);
  const [published, processed] = all;
  expect(published).toMatchObject({
    kind: 'PRODUCER',
    parentSpanId: '',
    start: published.end,
    attributes: {
      'messaging.operation.name': 'publish',
      'messaging.destination.name': 'rejected',
      'messaging.message.body.size': 5,
    },
  });
  // of the consumer's connection it says nothing
  for (const key of ['tracehare.connection', 'server.port', 'messaging.client.id', 'tracehare.sequence']) {
    expect(published.attributes).not.toHaveProperty([key]);
  }
  expect(before < published.start && published.start < processed.start).toBe(true);
});

test('slow ones are kept among many that are not, and no other', async () => {
  const sidecar = await site.sidecar({
    env: spans.from('slow', UNSAMPLED),
    config: 'tracing: { keep: { slow: 1500ms, maxPerSecond: 1000 } }',
  });
  const producer = await site.channel(sidecar.port);
  await producer.assertQueue('mostly-quick');
  const held: [Channel, ConsumeMessage][] = [];
  await consume(sidecar, 'mostly-quick', (channel, message, number) => {
    if (number % 100 === 0) held.push([channel, message]);
    else channel.ack(message);
  });
  for (let i = 0; i < 1000; i++) producer.sendToQueue('mostly-quick', Buffer.from(`${i}`));
  await until(() => held.length === 10, 'ten are held');
  const since = performance.now();
  await until(() => performance.now() - since > 1600, 'they have been held for long');
  for (const [channel, message] of held) channel.ack(message);
  const tags = held.map(([, { fields }]) => fields.deliveryTag);
  const slow = await until(() => {
    const kept = spans.of('mostly-quick').filter(({ name }) => name.startsWith('process'));
    return (
      tags.every((tag) => kept.some(({ attributes }) => attributes['rabbitmq.message.delivery_tag'] === tag)) && kept
    );
  }, 'all that were held are exported');
  expect(slow.map(shown)).toEqual(slow.map(() => ({ name: 'process mostly-quick', kept: 'slow', service: 'slow' })));
  // on a busy machine others may have been slow too
  for (const { traceId } of slow) {
    const trace = () => traceOf(spans.of('mostly-quick'), traceId);
    await until(() => trace().length === 2, 'its publish is exported');
    expect(treeOf(trace())).toBe('publish mostly-quick\n  process mostly-quick');
    const [published, processed] = trace().toSorted((a, b) => Number(a.start - b.start));
    expect(Number(processed.end - published.start)).toBeGreaterThanOrEqual(1_499_000_000);
  }
});

test('by default slow is what takes longer than nearly all did in the last minutes', async () => {
  const sidecar = await site.sidecar({ env: spans.from('auto', UNSAMPLED) });
  const producer = await site.channel(sidecar.port);
  await producer.assertQueue('usual');
  let slow: (() => void) | undefined;
  await consume(sidecar, 'usual', (channel, message) => {
    if (message.content.toString() === 'slow') slow = () => channel.ack(message);
    else channel.ack(message);
  });
  for (let i = 0; i < 500; i++) producer.sendToQueue('usual', Buffer.from('quick'));
  const metrics = async () => (await sidecar.metrics()).sum('event_attempts_count', { topic: 'usual' });
  await until(async () => (await metrics()) === 500, 'all are done with');
  // the next look at the past is due within a second
  const longest = (await sidecar.metrics()).matching('event_time_to_success_seconds_bucket', { topic: 'usual' });
  const usual = longest.find(({ value }) => value >= 495)?.labels.le;
  const started = performance.now();
  await until(() => performance.now() - started > 2500, 'its past is known');
  const bound = Math.max(0.1, Number(usual)) * 1000;
  producer.sendToQueue('usual', Buffer.from('slow'));
  const since = performance.now();
  await until(() => slow !== undefined && performance.now() - since > bound + 200, 'it is slower than nearly all');
  slow?.();
  // of the others, some may have been slow too
  const kept = await until(() => {
    const found = spans.of('usual').filter(({ attributes }) => attributes['messaging.message.body.size'] === 4);
    return found.length === 2 && found;
  }, 'the slow one is exported');
  expect(treeOf(kept)).toBe('publish usual\n  process usual');
});

/** Waits for so many spans of a topic; the trace they make, each with what became of it. */
async function wholeTrace(topic: string, count: number): Promise<string> {
  const all = await spans.all(topic, count);
  return treeOf(all, ({ name, attributes }) =>
    [name, ...['attempt', 'kept', 'outcome'].map((key) => attributes[`tracehare.${key}`] ?? '-')].join(' '),
  );
}

test('a message that comes again and again is a whole trace: the attempts before the third too', async () => {
  const producer = await site.channel(front.port);
  await producer.assertQueue('again');
  await consume(back, 'again', (channel, message, number) => {
    if (number < 4) channel.nack(message, false, true);
    else channel.ack(message);
  });
  producer.sendToQueue('again', Buffer.from('x'), { messageId: 'm-1' });
  expect(await wholeTrace('again', 5)).toBe(
    [
      'publish again - - success',
      '  process again 1 repeated requeued',
      '  process again 2 repeated requeued',
      '  process again 3 repeated requeued',
      '  process again 4 repeated success',
    ].join('\n'),
  );
  const [published, ...attempts] = await spans.all('again', 5);
  for (let i = 1; i < 4; i++) expect(attempts[i - 1].end <= attempts[i].start).toBe(true);
  // those before the third by what is remembered of them
  expect(attempts[0].attributes).toMatchObject({
    'messaging.destination.name': 'again',
    'messaging.message.id': 'm-1',
    'messaging.message.body.size': 1,
    'tracehare.settlement': 'nack',
    'tracehare.reason': 'nack',
    'tracehare.redelivered': false,
  });
  expect(Number(attempts[0].attributes['tracehare.latency'])).toBeCloseTo(
    Number(attempts[0].start - published.start) / 1e9,
    4,
  );
  expect(attempts[1].attributes['tracehare.redelivered']).toBe(true);
  expect(attempts[1].events.find(({ name }) => name === 'queued')?.time).toBe(attempts[0].end);
  for (const key of ['tracehare.connection', 'server.port', 'rabbitmq.message.delivery_tag']) {
    expect(attempts[0].attributes).not.toHaveProperty([key]);
  }
});

test('whose attempts took different connections and threads, and the last of them is refused', async () => {
  const sidecar = await site.sidecar({ env: spans.from('threads', UNSAMPLED), config: 'workers: 3' });
  const producer = await site.channel(front.port);
  await producer.assertQueue('dropped');
  producer.sendToQueue('dropped', Buffer.from('x'));
  for (let i = 0; i < 2; i++) {
    const connection = await site.connect(sidecar.port);
    const channel = await connection.createChannel();
    await new Promise((resolve) => channel.consume('dropped', resolve));
    await connection.close();
  }
  await consume(sidecar, 'dropped', (channel, message) => channel.nack(message, false, false));
  expect(await wholeTrace('dropped', 4)).toBe(
    [
      'publish dropped - - success',
      '  process dropped 1 repeated requeued',
      '  process dropped 2 repeated requeued',
      '  process dropped 3 failed failed',
    ].join('\n'),
  );
});

test('a refused message is a trace up to its end, however soon it succeeds', async () => {
  const producer = await site.channel(front.port);
  await producer.assertQueue('refused', { deadLetterExchange: '', deadLetterRoutingKey: 'refused.wait' });
  const wait = { messageTtl: 50, deadLetterExchange: '', deadLetterRoutingKey: 'refused' };
  await producer.assertQueue('refused.wait', wait);
  await consume(back, 'refused', (channel, message, number) => {
    if (number === 1) channel.nack(message, false, false);
    else channel.ack(message);
  });
  producer.sendToQueue('refused', Buffer.from('x'));
  expect(await wholeTrace('refused', 3)).toBe(
    ['publish refused - - success', '  process refused 1 failed failed', '  process refused 2 repeated success'].join(
      '\n',
    ),
  );
});

test('also where an app behind another sidecar takes over what is dead-lettered', async () => {
  const producer = await site.channel(front.port);
  await producer.assertQueue('parked');
  await producer.assertQueue('parking', { deadLetterExchange: '', deadLetterRoutingKey: 'parked' });
  await consume(back, 'parking', (channel, message) => channel.nack(message, false, false));
  await consume(front, 'parked', (channel, message) => channel.ack(message));
  producer.sendToQueue('parking', Buffer.from('x'));
  const [{ traceId }] = await spans.all('parking', 2);
  const trace = () => traceOf(spans.receiver.spans, traceId);
  await until(() => trace().length === 3, 'three spans of one trace have come');
  expect(treeOf(trace(), (span) => `${span.name} ${span.resource['service.name']}`)).toBe(
    ['publish parking back', '  process parking back', '  process parked front'].join('\n'),
  );
});

test('at most so many a second, and the rest is counted', async () => {
  const sidecar = await site.sidecar({
    env: spans.from('limited', UNSAMPLED),
    config: 'tracing: { keep: { slow: 1ms, maxPerSecond: 5 } }',
  });
  const producer = await site.channel(front.port);
  await producer.assertQueue('all-slow');
  for (let i = 0; i < 500; i++) producer.sendToQueue('all-slow', Buffer.from('x'));
  await until(async () => (await producer.checkQueue('all-slow')).messageCount === 500, 'all are there');
  await consume(sidecar, 'all-slow', (channel, message) => channel.ack(message));
  const counts = async () => {
    const metrics = await sidecar.metrics();
    const limited = metrics.sum('tracehare_keep_limited_total') + metrics.sum('tracehare_kept_spans_limited_total');
    const kept = spans.of('all-slow').filter(({ name }) => name.startsWith('process')).length;
    return { limited, kept };
  };
  await until(async () => {
    const { limited, kept } = await counts();
    return limited + kept === 500;
  }, 'each is kept or counted');
  expect((await counts()).limited).toBeGreaterThan(400);
});
