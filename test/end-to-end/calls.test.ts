import { fileURLToPath } from 'node:url';
import type { Channel, ConsumeMessage } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pikaPython } from '../../scripts/provision.mjs';
import { type Labels, Metrics } from '../../testing/metrics.ts';
import { run } from '../../testing/processes.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { Site } from './apps.ts';
import { javaApp } from './java.ts';
import { Spans } from './spans.ts';
import { traceOf, treeOf } from './tree.ts';

const PIKA = fileURLToPath(new URL('../clients/pika_asks.py', import.meta.url));

let vhost: Vhost;
let site: Site;
let spans: Spans;
/** in front of who asks, and of who answers */
let front: Tracehare;
let back: Tracehare;

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
  spans = await Spans.start();
  const config = 'rpc: { timeout: 1s }\ntracing: { maxTracesPerSecond: 1000 }';
  front = await site.sidecar({ env: spans.from('front'), config });
  back = await site.sidecar({ env: spans.from('back'), config });
});

afterAll(async () => {
  await site?.stop();
  await spans?.stop();
  await vhost?.remove();
});

type Answer = (channel: Channel, request: ConsumeMessage) => unknown;

/** Answers what comes to a queue, and acks it. */
async function answers(channel: Channel, queue: string, answer: Answer): Promise<void> {
  await channel.assertQueue(queue);
  await channel.consume(queue, (message) => {
    answer(channel, message as ConsumeMessage);
    channel.ack(message as ConsumeMessage);
  });
}

const toSender: Answer = (channel, { properties: { replyTo, correlationId } }) =>
  channel.sendToQueue(replyTo, Buffer.from('42'), { correlationId });

/** The first message that comes to a queue. */
const next = (channel: Channel, queue: string): Promise<ConsumeMessage> =>
  new Promise((resolve) => {
    channel.consume(queue, (message) => resolve(message as ConsumeMessage), { noAck: true });
  });

/** Waits for the trace that a question of this topic starts to have so many spans; the whole of it as a tree. */
async function traceFrom(topic: string, count: number): Promise<string> {
  const question = await until(
    () => spans.of(topic).find(({ name }) => name.startsWith('publish')),
    `the question to ${topic} is exported`,
  );
  const trace = () => traceOf(spans.receiver.spans, question.traceId);
  await until(
    () => trace().length >= count,
    () => `${count} spans of one trace have come:\n${treeOf(spans.receiver.spans)}`,
  );
  return treeOf(trace());
}

/** Each of so many questions of a topic is the root of a trace of four spans: this one. */
async function expectCalls(topic: string, count: number, tree: string): Promise<void> {
  const questions = await until(() => {
    const all = spans.of(topic).filter(({ name }) => name.startsWith('publish'));
    return all.length === count && all;
  }, 'all questions are exported');
  for (const { traceId } of questions) {
    const trace = () => traceOf(spans.receiver.spans, traceId);
    await until(
      () => trace().length === 4,
      () => `a call is a trace of four:\n${treeOf(trace())}`,
    );
    expect(treeOf(trace())).toBe(tree);
  }
}

async function figure(sidecar: Tracehare, name: string, labels: Labels): Promise<number> {
  return new Metrics(await (await sidecar.admin('/metrics')).text()).sum(name, labels);
}

const DIRECT = `publish QUESTIONS
  process QUESTIONS
    publish amq.rabbitmq.reply-to
      process amq.rabbitmq.reply-to`;

describe('one call is one trace of four spans', () => {
  test('over direct reply-to', async () => {
    const asking = await site.channel(front.port);
    await answers(await site.channel(back.port), 'direct', toSender);
    const answer = next(asking, 'amq.rabbitmq.reply-to');
    asking.sendToQueue('direct', Buffer.from('?'), { replyTo: 'amq.rabbitmq.reply-to', correlationId: 'c-1' });
    await answer;
    expect(await traceFrom('direct', 4)).toBe(DIRECT.replaceAll('QUESTIONS', 'direct'));
    await until(
      async () => (await figure(front, 'event_reply_seconds_count', { topic: 'direct' })) === 1,
      'the answer is counted where it was asked',
    );
    expect(await figure(front, 'event_reply_seconds_sum', { topic: 'direct' })).toBeGreaterThan(0);
    expect(await figure(back, 'event_reply_seconds_count', {})).toBe(0);
  });

  test('over direct reply-to without a correlation id', async () => {
    const asking = await site.channel(front.port);
    const answering = await site.channel(back.port);
    await answers(answering, 'anonymous', (channel, { properties: { replyTo } }) =>
      channel.sendToQueue(replyTo, Buffer.from('42')),
    );
    const answer = next(asking, 'amq.rabbitmq.reply-to');
    asking.sendToQueue('anonymous', Buffer.from('?'), { replyTo: 'amq.rabbitmq.reply-to' });
    await answer;
    expect(await traceFrom('anonymous', 4)).toBe(DIRECT.replaceAll('QUESTIONS', 'anonymous'));
  });

  test('again and again over the same direct reply-to, beside another consumer of the channel', async () => {
    const asking = await site.channel(front.port);
    await answers(await site.channel(back.port), 'often', toSender);
    let answered = 0;
    await asking.consume('amq.rabbitmq.reply-to', () => answered++, { noAck: true });
    await asking.assertQueue('others');
    await asking.consume('others', (message) => asking.ack(message as ConsumeMessage));
    for (let i = 0; i < 10; i++) {
      asking.sendToQueue('others', Buffer.from('x'));
      asking.sendToQueue('often', Buffer.from('?'), { replyTo: 'amq.rabbitmq.reply-to', correlationId: `${i}` });
      await until(() => answered === i + 1, 'it is answered');
    }
    await expectCalls('often', 10, DIRECT.replaceAll('QUESTIONS', 'often'));
    // who counts by delivery tags is not misled by those of the answers
    await until(
      async () =>
        (await figure(front, 'event_throughput_total', { topic: 'others', side: 'consume', status: 'success' })) === 10,
      'what was acked on the same channel is counted',
    );
    expect(await figure(front, 'tracehare_unobserved_total', {})).toBe(0);
  });

  test('over a reply queue, which other connections of the two apps read and write', async () => {
    const app = { connection_name: 'asker' };
    const [asking, listening] = await Promise.all(
      [0, 1].map(async () => (await site.connect(front.port, app)).createChannel()),
    );
    const [asked, sending] = await Promise.all(
      [0, 1].map(async () => (await site.connect(back.port, { connection_name: 'answerer' })).createChannel()),
    );
    await listening.assertQueue('replies', { exclusive: true });
    const answer = next(listening, 'replies');
    await answers(asked, 'queued', (_, request) => toSender(sending, request));
    asking.sendToQueue('queued', Buffer.from('?'), { replyTo: 'replies', correlationId: 'c-2' });
    await answer;
    expect(await traceFrom('queued', 4)).toBe(
      'publish queued\n  process queued\n    publish replies\n      process replies',
    );
    await until(
      async () => (await figure(front, 'event_reply_seconds_count', { topic: 'queued' })) === 1,
      'the answer is counted',
    );
  });

  test('with an answer through an exchange, by another routing key than the address', async () => {
    const asking = await site.channel(front.port);
    const { queue } = await asking.assertQueue('', { exclusive: true });
    await asking.assertExchange('answers', 'topic');
    await asking.bindQueue(queue, 'answers', 'of.asker');
    const answer = next(asking, queue);
    await answers(await site.channel(back.port), 'routed', (channel, { properties: { correlationId } }) =>
      channel.publish('answers', 'of.asker', Buffer.from('42'), { correlationId }),
    );
    asking.sendToQueue('routed', Buffer.from('?'), { replyTo: queue, correlationId: 'c-3' });
    await answer;
    expect(await traceFrom('routed', 4)).toBe(
      'publish routed\n  process routed\n    publish answers\n      process answers',
    );
    await until(
      async () => (await figure(front, 'event_reply_seconds_count', { topic: 'routed' })) === 1,
      'the answer is counted',
    );
  });

  test('that pika asks, with all traffic on several threads', async () => {
    const config = 'workers: 3\ntracing: { maxTracesPerSecond: 1000 }';
    const sidecar = await site.sidecar({ env: spans.from('several'), config });
    const app = { connection_name: 'pika answers' };
    const asked = await (await site.connect(sidecar.port, app)).createChannel();
    const sending = await Promise.all(
      Array.from({ length: 6 }, async () => (await site.connect(sidecar.port, app)).createChannel()),
    );
    let count = 0;
    await answers(asked, 'threads', (_, request) => toSender(sending[count++ % sending.length], request));
    const { code, stdout, stderr } = await run(pikaPython() ?? 'python3', [
      PIKA,
      vhost.url(sidecar.port),
      'threads',
      '12',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(String(stdout))).toBe(12);
    await expectCalls(
      'threads',
      12,
      'publish threads\n  process threads\n    publish pika.replies\n      process pika.replies',
    );
    await until(
      async () => (await figure(sidecar, 'event_reply_seconds_count', { topic: 'threads' })) === 12,
      'all answers are counted, whichever thread saw them',
    );
  });

  // the Java client numbers its correlation ids from 1 on, so that two of them ask with the same
  test('that two apps in Java ask over direct reply-to, with the same correlation ids', async () => {
    await answers(await site.channel(back.port), 'java.direct', toSender);
    const asked = await Promise.all(
      [0, 1].map(() => run(...javaApp('Asks', vhost.url(front.port), 'java.direct', '10'))),
    );
    for (const { code, stdout, stderr } of asked) {
      expect({ code, stdout: String(stdout), stderr }).toEqual({ code: 0, stdout: '10\n', stderr: '' });
    }
    await expectCalls('java.direct', 20, DIRECT.replaceAll('QUESTIONS', 'java.direct'));
    await until(
      async () => (await figure(front, 'event_reply_seconds_count', { topic: 'java.direct' })) === 20,
      'all answers are counted',
    );
  });

  test('that an app in Java asks over a reply queue', async () => {
    await answers(await site.channel(back.port), 'java.queued', toSender);
    const { code, stdout, stderr } = await run(
      ...javaApp('Asks', vhost.url(front.port), 'java.queued', '10', 'java.replies'),
    );
    expect({ code, stdout: String(stdout), stderr }).toEqual({ code: 0, stdout: '10\n', stderr: '' });
    await expectCalls(
      'java.queued',
      10,
      'publish java.queued\n  process java.queued\n    publish java.replies\n      process java.replies',
    );
    await until(
      async () => (await figure(front, 'event_reply_seconds_count', { topic: 'java.queued' })) === 10,
      'all answers are counted',
    );
  });
});

describe('answers that do not come', () => {
  test('are missing, and late when they come after all', async () => {
    const asking = await site.channel(front.port);
    const answering = await site.channel(back.port);
    await answering.assertQueue('slow');
    const request = next(answering, 'slow');
    const answer = next(asking, 'amq.rabbitmq.reply-to');
    asking.sendToQueue('slow', Buffer.from('?'), { replyTo: 'amq.rabbitmq.reply-to', correlationId: 'c-4' });
    const asked = await request;
    await until(
      async () => (await figure(front, 'event_replies_missing_total', { topic: 'slow' })) === 1,
      'the answer is missing',
    );
    toSender(answering, asked);
    await answer;
    await until(
      async () => (await figure(front, 'event_replies_late_total', { topic: 'slow' })) === 1,
      'the answer is late',
    );
    expect(await figure(front, 'event_reply_seconds_count', { topic: 'slow' })).toBe(0);
    expect(await figure(front, 'event_replies_missing_total', { topic: 'slow' })).toBe(1);
    // it belongs to its question all the same
    expect(await traceFrom('slow', 4)).toBe(DIRECT.replaceAll('QUESTIONS', 'slow'));
  });

  test('are not missing where nobody listens: some clients name an address in all they send', async () => {
    const asking = await site.channel(front.port);
    await asking.assertQueue('told');
    asking.sendToQueue('told', Buffer.from('!'), { replyTo: 'nobody.listens', correlationId: 'c-5' });
    // one that is asked later and is missing shows that the time of the first is over
    next(asking, 'amq.rabbitmq.reply-to');
    asking.sendToQueue('told', Buffer.from('?'), { replyTo: 'amq.rabbitmq.reply-to', correlationId: 'c-6' });
    await until(
      async () => (await figure(front, 'event_replies_missing_total', { topic: 'told' })) > 0,
      'the second one is missing',
    );
    expect(await figure(front, 'event_replies_missing_total', { topic: 'told' })).toBe(1);
  });

  test('of two questions with one address and correlation id, none is taken for the answer of the other', async () => {
    const asking = await site.channel(front.port);
    const answering = await site.channel(back.port);
    await asking.assertQueue('twins.replies', { exclusive: true });
    await answering.assertQueue('twins');
    const got: ConsumeMessage[] = [];
    await asking.consume('twins.replies', (message) => got.push(message as ConsumeMessage), { noAck: true });
    for (let i = 0; i < 2; i++) {
      asking.sendToQueue('twins', Buffer.from('?'), { replyTo: 'twins.replies', correlationId: 'same' });
    }
    const asked: ConsumeMessage[] = [];
    await answering.consume('twins', (message) => asked.push(message as ConsumeMessage));
    await until(() => asked.length === 2, 'both are asked');
    for (const request of asked) toSender(answering, request);
    await until(() => got.length === 2, 'both are answered');
    for (const request of asked) answering.ack(request);
    const published = await until(() => {
      const of = spans.of('twins.replies').filter(({ name }) => name.startsWith('publish'));
      return of.length === 2 && of;
    }, 'the answers are exported');
    for (const { parentSpanId, links, attributes } of published) {
      expect({ parentSpanId, links, cause: attributes['tracehare.cause'] }).toEqual({ parentSpanId: '', links: [] });
    }
    expect(await figure(front, 'event_reply_seconds_count', { topic: 'twins' })).toBe(0);
  });
});
