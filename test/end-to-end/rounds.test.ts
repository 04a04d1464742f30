import type { Channel, ConsumeMessage, GetMessage } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReceivedSpan } from '../../testing/otlp.ts';
import { start } from '../../testing/processes.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { Site } from './apps.ts';
import { javaApp } from './java.ts';
import { Spans } from './spans.ts';
import { traceOf, treeOf } from './tree.ts';

let vhost: Vhost;
let site: Site;
let spans: Spans;
/** in front of the producer, and of the consumer */
let front: Tracehare;
let back: Tracehare;

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
  spans = await Spans.start();
  const config = 'tracing: { maxTracesPerSecond: 1000 }\nrounds: { poison: 3 }';
  front = await site.sidecar({ env: spans.from('front'), config });
  back = await site.sidecar({ env: spans.from('back'), config: `${config}\nworkers: 2` });
});

afterAll(async () => {
  await site?.stop();
  await spans?.stop();
  await vhost?.remove();
});

/** Waits for so many deliveries of a topic; in their order. */
async function processed(topic: string, count: number): Promise<ReceivedSpan[]> {
  const of = () => spans.of(topic).filter(({ name }) => name.startsWith('process'));
  await until(
    () => of().length >= count,
    () => `${count} deliveries of ${topic} are exported, not ${of().length}`,
  );
  return of().toSorted((a, b) => Number(a.start - b.start));
}

const attempts = (of: ReceivedSpan[]) => of.map(({ attributes }) => attributes['tracehare.attempt']);

/** Consumes a queue until a delivery is settled with an ack; `handle` gets the number of each. */
async function consume(
  queue: string,
  handle: (channel: Channel, message: ConsumeMessage, number: number) => void,
): Promise<Channel> {
  const channel = await site.channel(back.port);
  let number = 0;
  await channel.consume(queue, (message) => handle(channel, message as ConsumeMessage, ++number));
  return channel;
}

async function sum(name: string, labels: Record<string, string>): Promise<number> {
  return (await back.metrics()).sum(name, labels);
}

describe('every round of a message is in one trace, and numbered', () => {
  test('requeued by a consumer, out of a classic queue', async () => {
    const producer = await site.channel(front.port);
    await producer.assertQueue('requeued');
    await consume('requeued', (channel, message, number) => {
      if (number < 3) channel.nack(message, false, true);
      else channel.ack(message);
    });
    producer.sendToQueue('requeued', Buffer.from('x'));
    const rounds = await processed('requeued', 3);
    expect(attempts(rounds)).toEqual([1, 2, 3]);
    const published = await until(
      () => spans.of('requeued').find(({ name }) => name.startsWith('publish')),
      'its publish is exported',
    );
    expect(treeOf(traceOf(spans.receiver.spans, published.traceId))).toBe(
      ['publish requeued', '  process requeued', '  process requeued', '  process requeued'].join('\n'),
    );
    // since its publish, but for the last bits of the stamp, which say other things
    for (const { attributes } of rounds.slice(1)) {
      const first = BigInt(Math.round(Number(attributes['tracehare.first_published']) * 1e6)) * 1000n;
      expect(Math.abs(Number(first - published.start))).toBeLessThan(10_000);
    }
    // each since it was given back
    const queued = rounds.map(({ events }) => events.find(({ name }) => name === 'queued'));
    expect(queued[0]?.attributes).toEqual({ 'tracehare.queue.seconds': rounds[0].attributes['tracehare.latency'] });
    for (const i of [1, 2]) {
      expect(queued[i]?.time).toBe(rounds[i - 1].end);
      expect(queued[i]?.attributes['tracehare.queue.seconds']).toBeCloseTo(
        Number(rounds[i].start - rounds[i - 1].end) / 1e9,
        6,
      );
    }
    await until(async () => (await sum('event_attempts_count', { topic: 'requeued' })) === 1, 'it has succeeded');
    expect(await sum('event_attempts_sum', { topic: 'requeued' })).toBe(3);
    const took = Number(rounds[2].end - published.start) / 1e9;
    expect(await sum('event_time_to_success_seconds_sum', { topic: 'requeued' })).toBeCloseTo(took, 4);
  });

  test('out of a quorum queue, whose broker says how often it was delivered', async () => {
    const direct = await site.channel(vhost.port);
    await direct.assertQueue('quorum', { arguments: { 'x-queue-type': 'quorum' } });
    (await site.channel(front.port)).sendToQueue('quorum', Buffer.from('x'));
    // twice past the sidecar
    for (let i = 0; i < 2; i++) {
      const message = await until(() => direct.get('quorum'), 'the message is there');
      direct.nack(message as GetMessage, false, true);
    }
    await consume('quorum', (channel, message) => channel.ack(message));
    expect(attempts(await processed('quorum', 1))).toEqual([3]);
  });

  test('in a retry loop of a queue with a time to live', async () => {
    const producer = await site.channel(front.port);
    await producer.assertQueue('retried', { deadLetterExchange: '', deadLetterRoutingKey: 'retried.wait' });
    await producer.assertQueue('retried.wait', {
      messageTtl: 50,
      deadLetterExchange: '',
      deadLetterRoutingKey: 'retried',
    });
    await consume('retried', (channel, message, number) => {
      if (number < 4) channel.nack(message, false, false);
      else channel.ack(message);
    });
    producer.sendToQueue('retried', Buffer.from('x'));
    const rounds = await processed('retried', 4);
    expect(attempts(rounds)).toEqual([1, 2, 3, 4]);
    expect(new Set(rounds.map(({ traceId, parentSpanId }) => `${traceId} ${parentSpanId}`)).size).toBe(1);
    for (let i = 1; i < 4; i++) {
      const queued = rounds[i].events.find(({ name }) => name === 'queued');
      expect(queued?.time).toBe(rounds[i - 1].end);
      expect(queued?.attributes['tracehare.queue.seconds']).toBeGreaterThanOrEqual(0.05);
    }
    await until(async () => (await sum('event_attempts_sum', { topic: 'retried' })) === 4, 'it has succeeded');
  });

  test('in a retry loop that an app in Java goes through, with several messages at a time', async () => {
    const producer = await site.channel(front.port);
    await producer.assertQueue('java.retried', { deadLetterExchange: '', deadLetterRoutingKey: 'java.wait' });
    await producer.assertQueue('java.wait', {
      messageTtl: 300,
      deadLetterExchange: '',
      deadLetterRoutingKey: 'java.retried',
    });
    const java = start(...javaApp('Retries', vhost.url(back.port), 'java.retried', '3'));
    try {
      for (let i = 0; i < 5; i++) producer.sendToQueue('java.retried', Buffer.from('x'));
      const rounds = await processed('java.retried', 20);
      const published = await until(() => {
        const all = spans.of('java.retried').filter(({ name }) => name.startsWith('publish'));
        return all.length === 5 && all;
      }, 'all publishes are exported');
      for (const { traceId, spanId } of published) {
        const trace = traceOf(rounds, traceId);
        expect(attempts(trace)).toEqual([1, 2, 3, 4]);
        expect(trace.map(({ attributes }) => attributes['tracehare.outcome'])).toEqual([
          'failed',
          'failed',
          'failed',
          'success',
        ]);
        for (const { parentSpanId } of trace) expect(parentSpanId).toBe(spanId);
      }
      await until(
        async () => (await sum('event_attempts_count', { topic: 'java.retried' })) === 5,
        'all have succeeded',
      );
      expect(await sum('event_attempts_sum', { topic: 'java.retried' })).toBe(20);
    } finally {
      java.kill();
    }
  });

  test('dead-lettered to another queue, which somebody else handles', async () => {
    const producer = await site.channel(front.port);
    await producer.assertQueue('parked');
    await producer.assertQueue('parking', { deadLetterExchange: '', deadLetterRoutingKey: 'parked' });
    await consume('parking', (channel, message) => channel.nack(message, false, false));
    await consume('parked', (channel, message) => channel.ack(message));
    producer.sendToQueue('parking', Buffer.from('x'));
    const [refused] = await processed('parking', 1);
    const [parked] = await processed('parked', 1);
    expect(attempts([refused, parked])).toEqual([1, 2]);
    expect(parked).toMatchObject({ traceId: refused.traceId, parentSpanId: refused.parentSpanId });
    expect(parked.events.map(({ name }) => name)).toEqual(['queued', 'dead-lettered']);
  });

  test('by its message id, where it has no context', async () => {
    const config = 'tracing: { maxTracesPerSecond: 1000, injectUnsampled: false }';
    const unsampled = await site.sidecar({ config, env: { OTEL_TRACES_SAMPLER: 'always_off' } });
    const producer = await site.channel(unsampled.port);
    await producer.assertQueue('named');
    producer.sendToQueue('named', Buffer.from('x'), { messageId: 'm-1' });
    await consume('named', (channel, message, number) => {
      if (number < 3) channel.nack(message, false, true);
      else channel.ack(message);
    });
    await until(async () => (await sum('event_attempts_count', { topic: 'named' })) === 1, 'it has succeeded');
    // what was unsampled the first time has left no name behind: at least two
    expect(await sum('event_attempts_sum', { topic: 'named' })).toBeGreaterThanOrEqual(2);
  });
});

test('the time in queues can be a span of its own', async () => {
  const config = 'tracing: { maxTracesPerSecond: 1000, queue: span }';
  const sidecar = await site.sidecar({ env: spans.from('queue spans'), config });
  const channel = await site.channel(sidecar.port);
  await channel.assertQueue('waits');
  channel.sendToQueue('waits', Buffer.from('x'));
  await channel.consume('waits', (message) => channel.ack(message as ConsumeMessage));
  const all = await spans.all('waits', 3);
  expect(treeOf(all)).toBe('publish waits\n  queue waits\n  process waits');
  const [published, queued, handled] = ['publish', 'queue', 'process'].map(
    (what) => all.find(({ name }) => name.startsWith(what)) as ReceivedSpan,
  );
  expect(queued).toMatchObject({ kind: 'INTERNAL', end: handled.start, attributes: { 'tracehare.attempt': 1 } });
  expect(Math.abs(Number(queued.start - published.start))).toBeLessThan(10_000);
  expect(handled.events).toEqual([]);
});

test('a message that is delivered too often is named as poisonous, and counted once', async () => {
  const producer = await site.channel(front.port);
  await producer.assertQueue('poisoned');
  const sent = Date.now();
  producer.sendToQueue('poisoned', Buffer.from('x'), { messageId: 'bad-1' });
  let over = false;
  await consume('poisoned', (channel, message, number) => {
    // and once more out of the hands of another connection
    if (number === 9) over = true;
    if (!over) channel.nack(message, false, true);
  });
  await until(() => over, 'it was tried nine times');
  const found = await until(async () => {
    const { messages } = (await (await back.admin('/api/poison')).json()) as { messages: Record<string, unknown>[] };
    return messages.find(({ attempts }) => (attempts as number) >= 8);
  }, 'it is named, with as many attempts as it was told of last');
  const [{ traceId }] = await processed('poisoned', 8);
  expect(found).toMatchObject({ queue: 'poisoned', topic: 'poisoned', messageId: 'bad-1', traceId, attempts: 8 });
  expect(Math.abs(Date.parse(String(found.firstPublished)) - sent)).toBeLessThan(1000);
  expect(await sum('event_poison_total', { queue: 'poisoned' })).toBe(1);
});
