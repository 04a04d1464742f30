import type { ConsumeMessage } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OtlpReceiver, startOtlpReceiver } from '../../testing/otlp.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { get, Site } from './apps.ts';

const QUEUES = ['by-queue', 'by-message', 'asked', 'at-once', 'copied', 'none', 'ahead'];

let vhost: Vhost;
let site: Site;
let otlp: OtlpReceiver;

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
  otlp = await startOtlpReceiver();
});

afterAll(async () => {
  await site?.stop();
  await otlp?.close();
  await vhost?.remove();
});

test('spans of delayed messages show the planned and the actual delay, whoever was asked for it', async () => {
  const sidecar = await site.sidecar({
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url,
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_TRACES_SAMPLER: 'always_on',
    },
  });
  const channel = await site.channel(sidecar.port);
  for (const queue of QUEUES) await channel.assertQueue(queue);
  const letters = (routingKey: string) => ({ deadLetterExchange: '', deadLetterRoutingKey: routingKey });
  await channel.assertQueue('waits-by-queue', { messageTtl: 300, ...letters('by-queue') });
  await channel.assertQueue('waits-by-message', letters('by-message'));
  channel.sendToQueue('waits-by-queue', Buffer.from('x'));
  channel.sendToQueue('waits-by-message', Buffer.from('x'), { expiration: '200' });
  // no exchange here keeps it back: that shows too
  channel.sendToQueue('asked', Buffer.from('x'), { headers: { 'x-delay': 60_000 } });
  channel.sendToQueue('at-once', Buffer.from('x'));
  // what an app got from the plugin and sends on without thinking, and no delay at all
  channel.sendToQueue('copied', Buffer.from('x'), { headers: { 'x-delay': -60_000 } });
  channel.sendToQueue('none', Buffer.from('x'), { headers: { 'x-delay': 0 } });
  // by a host whose clock is a minute ahead: how long it was kept back, nobody can say
  const beside = await site.channel(vhost.port);
  const sent = (Date.now() + 60_000) * 1000;
  beside.sendToQueue('ahead', Buffer.from('x'), { headers: { 'x-delay': 5000, 'x-tracehare-sent': sent } });
  for (const queue of QUEUES) await get(channel, queue);

  const received = () => otlp.spans.filter(({ attributes }) => attributes['messaging.operation.name'] === 'receive');
  await until(() => received().length === QUEUES.length, 'all spans come');
  const of = (queue: string) => {
    const span = received().find(({ attributes }) => String(attributes['messaging.destination.name']).endsWith(queue));
    return { planned: span?.attributes['tracehare.delay.planned'], actual: span?.attributes['tracehare.delay.actual'] };
  };
  expect(of('by-queue')).toEqual({ planned: 0.3, actual: expect.any(Number) });
  expect(of('by-queue').actual).toBeGreaterThanOrEqual(0.29);
  expect(of('by-message')).toEqual({ planned: 0.2, actual: expect.any(Number) });
  expect(of('by-message').actual).toBeGreaterThanOrEqual(0.19);
  expect(of('asked').planned).toBe(60);
  expect(of('asked').actual).toBeLessThan(59);
  for (const queue of ['at-once', 'copied', 'none', 'ahead']) {
    expect(of(queue)).toEqual({ planned: undefined, actual: undefined });
  }
});

// What the plugin does, seen with 3.10.2 on RabbitMQ 3.10.8 and 4.0.2 on 4.0.5, done by a client here: neither is it a part of
// RabbitMQ, nor does Debian have it. It keeps a message back for its x-delay, then routes it; of version 4 on with the
// number negated.
test('spans of messages that the plugin for delayed messages kept back show how long they were to wait, and did', async () => {
  const sidecar = await site.sidecar({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url, OTEL_BSP_SCHEDULE_DELAY: '100', OTEL_TRACES_SAMPLER: 'always_on' },
  });
  const plugin = await site.channel(vhost.port);
  await plugin.assertQueue('kept back');
  await plugin.assertQueue('delayed');
  await plugin.consume('kept back', (message) => {
    const { headers, ...properties } = (message as ConsumeMessage).properties;
    const delay = headers?.['x-delay'];
    const after = properties.appId === 'of version 4' ? { ...headers, 'x-delay': -Math.trunc(delay) } : headers;
    setTimeout(() => plugin.sendToQueue('delayed', Buffer.from('x'), { ...properties, headers: after }), Number(delay));
  });
  const channel = await site.channel(sidecar.port);
  for (const appId of ['of version 3', 'of version 4']) {
    for (const [messageId, delay] of Object.entries({ int: 300, text: '300', double: 300.5 })) {
      channel.sendToQueue('kept back', Buffer.from('x'), { appId, messageId, headers: { 'x-delay': delay } });
    }
  }
  for (let i = 0; i < 6; i++) await get(channel, 'delayed');
  const received = () => otlp.spans.filter(({ attributes }) => attributes['messaging.destination.name'] === 'delayed');
  await until(() => received().length === 6, 'all spans come');
  for (const { attributes } of received()) {
    const planned = Number(attributes['tracehare.delay.planned']);
    expect([0.3, 0.3005]).toContain(planned);
    expect(attributes['tracehare.delay.actual']).toBeGreaterThanOrEqual(planned - 0.005);
  }
});
