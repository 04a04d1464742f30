import { fileURLToPath } from 'node:url';
import type { ConsumeMessage } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pikaPython } from '../../scripts/provision.mjs';
import type { ReceivedSpan } from '../../testing/otlp.ts';
import { start } from '../../testing/processes.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { Site } from './apps.ts';
import { javaApp } from './java.ts';
import { Spans } from './spans.ts';
import { traceOf, treeOf } from './tree.ts';

// A shop of three apps in three languages, none of which knows of traces, with a sidecar beside each.

const PIKA = fileURLToPath(new URL('../clients/pika_passes_on.py', import.meta.url));
const ORDERS = 20;

let vhost: Vhost;
let site: Site;
let spans: Spans;
let shop: Tracehare;
let payment: Tracehare;
let receipt: Tracehare;

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
  spans = await Spans.start();
  const config = 'tracing: { maxTracesPerSecond: 1000, cause: parent }';
  shop = await site.sidecar({ env: spans.from('shop'), config });
  payment = await site.sidecar({ env: spans.from('payment'), config });
  receipt = await site.sidecar({ env: spans.from('receipt'), config });
});

afterAll(async () => {
  await site?.stop();
  await spans?.stop();
  await vhost?.remove();
});

const service = ({ resource }: ReceivedSpan) => resource['service.name'];

test('an order of amqplib, its payment by pika and its receipt by Java are one trace', async () => {
  const channel = await site.channel(shop.port);
  for (const queue of ['orders', 'payments', 'receipts']) await channel.assertQueue(queue);
  const pika = start(pikaPython() ?? 'python3', [PIKA, vhost.url(payment.port), 'orders', 'payments']);
  const java = start(...javaApp('PassesOn', vhost.url(receipt.port), 'payments', 'receipts'));
  try {
    const receipts: ConsumeMessage[] = [];
    await channel.consume('receipts', (message) => {
      receipts.push(message as ConsumeMessage);
      channel.ack(message as ConsumeMessage);
    });
    for (let i = 0; i < ORDERS; i++) channel.sendToQueue('orders', Buffer.from(`${i}`));
    await until(() => receipts.length === ORDERS, 'all receipts have come');
    const orders = await until(() => {
      const published = spans.of('orders').filter(({ name }) => name.startsWith('publish'));
      return published.length === ORDERS && published;
    }, 'all orders are exported');
    for (const { traceId } of orders) {
      const trace = () => traceOf(spans.receiver.spans, traceId);
      await until(
        () => trace().length === 6,
        () => `an order is one trace of six spans:\n${treeOf(trace())}`,
      );
      expect(treeOf(trace(), (span) => `${span.name} (${service(span)})`)).toBe(
        [
          'publish orders (shop)',
          '  process orders (payment)',
          '    publish payments (payment)',
          '      process payments (receipt)',
          '        publish receipts (receipt)',
          '          process receipts (shop)',
        ].join('\n'),
      );
    }
    // the order that each receipt is of, by what its body says, is that of its trace
    const bodyOf = new Map(receipts.map(({ content, properties }) => [traceIdOf(properties.headers), String(content)]));
    expect(orders.toSorted((a, b) => Number(a.start - b.start)).map(({ traceId }) => bodyOf.get(traceId))).toEqual(
      Array.from({ length: ORDERS }, (_, i) => `${i}`),
    );
  } finally {
    pika.kill();
    java.kill();
  }
});

const traceIdOf = (headers: ConsumeMessage['properties']['headers']) => headers?.traceparent.split('-')[1];
