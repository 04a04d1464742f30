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

test('spans of both sides show the headers that configuration names, and no others', async () => {
  const sidecar = await site.sidecar({
    config: 'tracing: { attributes: { headers: [tenant, x-retries, dry-run, nested] } }',
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url,
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_TRACES_SAMPLER: 'always_on',
    },
  });
  const channel = await site.channel(sidecar.port);
  await channel.assertQueue('shown');
  const headers = {
    tenant: 'acme',
    'x-retries': 3,
    'dry-run': true,
    // a table, and what nobody asked for
    nested: { a: 1 },
    authorization: 'Bearer of much',
  };
  // three, so that spans are written in both ways
  for (let i = 0; i < 3; i++) {
    channel.sendToQueue('shown', Buffer.from('x'), { headers });
    await get(channel, 'shown');
  }
  channel.sendToQueue('shown', Buffer.from('bare'));
  await get(channel, 'shown');
  const spans = await until(() => otlp.spans.length >= 8 && otlp.spans, 'all spans come');
  const shown = spans.map(({ attributes }) =>
    Object.fromEntries(
      Object.entries(attributes).filter(([name]) => name.startsWith('messaging.header.') || /bearer/i.test(name)),
    ),
  );
  const expected = {
    'messaging.header.tenant': 'acme',
    'messaging.header.x-retries': '3',
    'messaging.header.dry-run': 'true',
  };
  expect(shown.filter((each) => Object.keys(each).length > 0)).toEqual(Array(6).fill(expected));
  for (const { attributes } of spans) expect(JSON.stringify(attributes)).not.toContain('Bearer');
});
