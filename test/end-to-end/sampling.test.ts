import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ConsumeMessage } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../testing/ports.ts';
import type { Tracehare, TracehareOptions } from '../../testing/tracehare.ts';
import { publishAndConsume } from '../../testing/traffic.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { Site, traceparent } from './apps.ts';
import { Spans } from './spans.ts';

const CONTEXT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])$/;

let vhost: Vhost;
let site: Site;
let spans: Spans;

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
  spans = await Spans.start();
});

afterAll(async () => {
  await site?.stop();
  await spans?.stop();
  await vhost?.remove();
});

/** Sends messages through and lets the sidecar end, so that what it exports has been exported. */
async function pass(queue: string, messages: number, options: TracehareOptions): Promise<ConsumeMessage[]> {
  const sidecar = await site.sidecar({ ...options, env: spans.from(queue, options.env) });
  const { consumed } = await publishAndConsume(vhost.url(sidecar.port), { queue, messages });
  expect(await sidecar.stop()).toBe(0);
  return consumed;
}

const flags = (message: ConsumeMessage): string | undefined => CONTEXT.exec(traceparent(message) as string)?.[3];

describe('sampling', () => {
  test('always_off: a context with flag 00, all different, and no span', async () => {
    const consumed = await pass('off', 20, { env: { OTEL_TRACES_SAMPLER: 'always_off' } });
    expect(consumed.map(flags)).toEqual(Array(20).fill('00'));
    expect(new Set(consumed.map(traceparent)).size).toBe(20);
    expect(spans.of('off')).toEqual([]);
  });

  test('tracing.injectUnsampled: false leaves unsampled messages without a context', async () => {
    const config = 'tracing: { injectUnsampled: false }';
    const consumed = await pass('bare', 20, { env: { OTEL_TRACES_SAMPLER: 'always_off' }, config });
    expect(consumed.map(({ properties }) => Object.keys(properties.headers ?? {}))).toEqual(
      Array(20).fill(['x-tracehare-sent']),
    );
    expect(spans.of('bare')).toEqual([]);
  });

  test('tracing.injectUnsampled: false injects what is sampled', async () => {
    const consumed = await pass('kept', 5, { config: 'tracing: { injectUnsampled: false }' });
    expect(consumed.map(flags)).toEqual(Array(5).fill('01'));
    expect(spans.of('kept')).toHaveLength(10);
  });

  test('traceidratio: as each trace id says, on both sides; none in between is lost', async () => {
    const env = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' };
    const consumed = await pass('ratio', 400, { env });
    const sampled = consumed.filter((message) => flags(message) === '01');
    // 100 expected; five standard deviations are 43
    expect(sampled.length).toBeGreaterThan(57);
    expect(sampled.length).toBeLessThan(143);
    const ids = sampled.map((message) => CONTEXT.exec(traceparent(message) as string)?.[1]).sort();
    for (const kind of ['PRODUCER', 'CONSUMER']) {
      const exported = spans.of('ratio').filter((span) => span.kind === kind);
      expect(exported.map(({ traceId }) => traceId).sort()).toEqual(ids);
    }
  });

  test('by default 50 new traces a second; what is more is unsampled and counted', async () => {
    // some may be slow on a busy machine, and would be kept for it
    const config = 'tracing: { keep: { slow: off } }';
    const sidecar = await site.sidecar({ env: spans.from('limited'), config });
    const from = performance.now();
    const { consumed } = await publishAndConsume(vhost.url(sidecar.port), { queue: 'limited', messages: 2000 });
    const seconds = (performance.now() - from) / 1000;
    const sampled = consumed.filter((message) => flags(message) === '01').length;
    expect(consumed.filter((message) => flags(message) === '00')).toHaveLength(2000 - sampled);
    // a second's worth at once, and what comes while it lasts
    expect(sampled).toBeGreaterThanOrEqual(50);
    expect(sampled).toBeLessThanOrEqual(50 + 50 * seconds);
    expect(sampled).toBeLessThan(2000);
    const counted = async () => (await sidecar.metrics()).value('tracehare_traces_limited_total');
    await until(async () => (await counted()) === 2000 - sampled, 'what was limited is reported');
    await sidecar.stop();
    expect(spans.of('limited')).toHaveLength(2 * sampled);
  });
});

describe('what was lost is exported though unsampled', () => {
  let sidecar: Tracehare;
  beforeAll(async () => {
    const env = spans.from('losses', { OTEL_TRACES_SAMPLER: 'always_off' });
    sidecar = await site.sidecar({ env, args: ['--loss', 'confirms'] });
  });

  test('a nacked publish', async () => {
    const channel = await (await site.connect(sidecar.port)).createConfirmChannel();
    await channel.assertQueue('full', { maxLength: 1, arguments: { 'x-overflow': 'reject-publish' } });
    const outcomes: boolean[] = [];
    for (let i = 0; i < 3; i++) {
      channel.sendToQueue('full', Buffer.from(String(i)), {}, (error: unknown) => outcomes.push(error === null));
      await channel.waitForConfirms().catch(() => {});
    }
    expect(outcomes).toEqual([true, false, false]);
    const failed = await spans.all('full', 2);
    expect(failed).toHaveLength(2);
    for (const span of failed) {
      expect(span).toMatchObject({
        name: 'publish full',
        status: { code: 'ERROR' },
        attributes: { 'error.type': 'nacked', 'tracehare.outcome': 'failed', 'tracehare.reason': 'nacked' },
        events: [{ name: 'basic.nack', time: span.end, attributes: {} }],
      });
    }
  });

  test('an unroutable publish', async () => {
    const channel = await site.channel(sidecar.port);
    await channel.assertExchange('nowhere', 'fanout');
    channel.publish('nowhere', 'to', Buffer.from('?'));
    const [failed, ...rest] = await spans.all('nowhere', 1);
    expect(rest).toEqual([]);
    expect(failed).toMatchObject({
      status: { code: 'ERROR', message: 'NO_ROUTE' },
      attributes: { 'error.type': 'unroutable', 'tracehare.outcome': 'failed', 'tracehare.reason': 'unroutable' },
      events: [
        {
          name: 'basic.return',
          attributes: { 'tracehare.reply_code': 312, 'tracehare.reply_text': 'NO_ROUTE' },
        },
      ],
    });
  });
});

describe('messages flow, and what could not be exported is counted, while the endpoint', () => {
  const MESSAGES = 1500;
  /** More spans than the queue holds: all sampled, two for each message. */
  const env = {
    OTEL_TRACES_SAMPLER: 'always_on',
    OTEL_BSP_SCHEDULE_DELAY: '20',
    OTEL_BSP_MAX_QUEUE_SIZE: '256',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '128',
  };
  /** milliseconds: what was given up may still arrive, so only where nothing does */
  const impatient = { OTEL_EXPORTER_OTLP_TIMEOUT: '500' };
  let queues = 0;

  async function flow(url: string | undefined, more: Record<string, string> = {}) {
    const queue = `endpoint-${queues++}`;
    const sidecar = await site.sidecar({ env: { ...env, ...more, ...(url && { OTEL_EXPORTER_OTLP_ENDPOINT: url }) } });
    const { consumed } = await publishAndConsume(vhost.url(sidecar.port), { queue, messages: MESSAGES });
    expect(consumed).toHaveLength(MESSAGES);
    return { queue, sidecar };
  }

  /** Every message has two spans, each of which is exported or counted as dropped. */
  async function accounted(sidecar: Tracehare): Promise<{ exported: number; dropped: number }> {
    const figure = async () => {
      const metrics = await sidecar.metrics();
      const [exported, dropped, events] = ['spans_exported', 'spans_dropped', 'events_dropped'].map((name) =>
        metrics.sum(`tracehare_${name}_total`),
      );
      return { exported, dropped: dropped + events };
    };
    let last = { exported: 0, dropped: 0 };
    await until(
      async () => {
        last = await figure();
        return last.exported + last.dropped >= 2 * MESSAGES;
      },
      () => `all spans are accounted for, not ${JSON.stringify(last)}`,
    );
    const metrics = await sidecar.metrics();
    for (const side of ['publish', 'consume']) {
      expect(metrics.sum('event_throughput_total', { side, status: 'success' })).toBe(MESSAGES);
    }
    return last;
  }

  test('is slow', async () => {
    spans.receiver.behave(50);
    const { queue, sidecar } = await flow(spans.receiver.url);
    const { exported, dropped } = await accounted(sidecar);
    spans.receiver.behave(0);
    expect({ exported, dropped }).toEqual({ exported: spans.of(queue).length, dropped: 2 * MESSAGES - exported });
  });

  test('never answers', async () => {
    spans.receiver.behave('hang');
    const { sidecar } = await flow(spans.receiver.url, impatient);
    expect(await accounted(sidecar)).toEqual({ exported: 0, dropped: 2 * MESSAGES });
    spans.receiver.behave(0);
  });

  test('is not there', async () => {
    const { sidecar } = await flow(`http://127.0.0.1:${await freePort()}`, impatient);
    expect(await accounted(sidecar)).toEqual({ exported: 0, dropped: 2 * MESSAGES });
  });

  test('refuses', async () => {
    const server: Server = createServer((_, response) => response.writeHead(403).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { sidecar } = await flow(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(await accounted(sidecar)).toEqual({ exported: 0, dropped: 2 * MESSAGES });
    server.closeAllConnections();
    server.close();
  });

  test('is not set: nothing is made, nothing dropped', async () => {
    const { sidecar } = await flow(undefined);
    const metrics = await sidecar.metrics();
    expect(metrics.sum('event_throughput_total', { side: 'consume', status: 'success' })).toBe(MESSAGES);
    expect(metrics.sum('tracehare_spans_exported_total')).toBe(0);
    expect(metrics.sum('tracehare_spans_dropped_total')).toBe(0);
    expect(sidecar.log.filter(({ level }) => (level as number) >= 40 || level === undefined)).toEqual([]);
  });
});
