import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OtlpReceiver, startOtlpReceiver } from '../../testing/otlp.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { get, Site } from './apps.ts';

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
  for (const queue of ['by-queue', 'by-message', 'asked', 'at-once']) await channel.assertQueue(queue);
  const letters = (routingKey: string) => ({ deadLetterExchange: '', deadLetterRoutingKey: routingKey });
  await channel.assertQueue('waits-by-queue', { messageTtl: 300, ...letters('by-queue') });
  await channel.assertQueue('waits-by-message', letters('by-message'));
  channel.sendToQueue('waits-by-queue', Buffer.from('x'));
  channel.sendToQueue('waits-by-message', Buffer.from('x'), { expiration: '200' });
  // no exchange here keeps it back: that shows too
  channel.sendToQueue('asked', Buffer.from('x'), { headers: { 'x-delay': 60_000 } });
  channel.sendToQueue('at-once', Buffer.from('x'));
  for (const queue of ['by-queue', 'by-message', 'asked', 'at-once']) await get(channel, queue);

  const received = () => otlp.spans.filter(({ attributes }) => attributes['messaging.operation.name'] === 'receive');
  await until(() => received().length === 4, 'all spans come');
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
  expect(of('at-once')).toEqual({ planned: undefined, actual: undefined });
});
