import { type Channel, type ConsumeMessage, connect } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { Site } from './apps.ts';

let vhost: Vhost;
let site: Site;
let sidecar: Tracehare;

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
  sidecar = await site.sidecar();
});

afterAll(async () => {
  await site?.stop();
  await vhost?.remove();
});

/** Waits until the gauge says so, `topic queue` by `topic queue`, and shows what it says if it never does. */
async function expectUnsettled(expected: Record<string, number>): Promise<void> {
  const shown = async () => {
    const samples = (await sidecar.metrics()).matching('tracehare_unsettled_deliveries', { pipeline: vhost.name });
    return Object.fromEntries(samples.map(({ labels, value }) => [`${labels.topic} ${labels.queue}`, value]));
  };
  const wanted = JSON.stringify(Object.entries(expected).sort());
  await until(async () => JSON.stringify(Object.entries(await shown()).sort()) === wanted, 'they agree').catch(
    () => {},
  );
  expect(await shown()).toEqual(expected);
}

/** What a consumer of the queue was delivered, in order. */
async function consumed(channel: Channel, queue: string, noAck = false): Promise<ConsumeMessage[]> {
  const messages: ConsumeMessage[] = [];
  await channel.consume(queue, (message) => message !== null && messages.push(message), { noAck });
  return messages;
}

test('unsettled deliveries are exact by topic and queue, across settlement, requeue, and the death of channel and connection', async () => {
  const aside = await site.channel(vhost.port);
  await aside.assertExchange('orders', 'fanout');
  for (const queue of ['billing', 'shipping', 'unread']) {
    await aside.assertQueue(queue);
    await aside.bindQueue(queue, 'orders', '');
  }
  for (let i = 0; i < 10; i++) aside.publish('orders', '', Buffer.from(String(i)));
  for (let i = 0; i < 4; i++) aside.sendToQueue('billing', Buffer.from('direct'));

  const first = await site.channel(sidecar.port);
  const other = await site.connect(sidecar.port);
  const second = await other.createChannel();
  const billing = await consumed(first, 'billing');
  const shipping = await consumed(second, 'shipping');
  // automatic acknowledgement leaves nothing to settle
  const unread = await consumed(second, 'unread', true);
  await until(() => billing.length === 14 && shipping.length === 10 && unread.length === 10, 'all is delivered');
  await expectUnsettled({ 'orders billing': 10, 'billing billing': 4, 'orders shipping': 10 });

  first.ack(billing[0]);
  first.ack(billing[2], true); // and the one before it
  first.reject(billing[3], false);
  first.nack(billing[10], false, false); // a direct one
  await expectUnsettled({ 'orders billing': 6, 'billing billing': 3, 'orders shipping': 10 });

  // the broker delivers it again at once
  second.nack(shipping[0], false, true);
  await until(() => shipping.length === 11, 'it is redelivered');
  await expectUnsettled({ 'orders billing': 6, 'billing billing': 3, 'orders shipping': 10 });

  await other.close();
  await expectUnsettled({ 'orders billing': 6, 'billing billing': 3, 'orders shipping': 0 });

  // acked before: the broker closes the channel
  first.ack(billing[0]);
  await expectUnsettled({ 'orders billing': 0, 'billing billing': 0, 'orders shipping': 0 });

  // a consumer whose process dies
  const third = await connect(vhost.url(sidecar.port));
  third.on('error', () => {});
  const again = await consumed(await third.createChannel(), 'billing');
  await until(() => again.length === 9, 'what was not settled is delivered again');
  await expectUnsettled({ 'orders billing': 6, 'billing billing': 3, 'orders shipping': 0 });
  (third.connection as unknown as { stream: { destroy(): void } }).stream.destroy();
  await expectUnsettled({ 'orders billing': 0, 'billing billing': 0, 'orders shipping': 0 });
});
