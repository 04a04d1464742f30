import { setTimeout as pause } from 'node:timers/promises';
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import { aborted, stayConnected } from './connection.ts';

/**
 * Mails customers about payments that were settled or failed, a few at a time. Twice a minute its mail server is slow
 * for some seconds: it can't keep up, its queue grows, and it catches up when the server has recovered.
 */
const PREFETCH = 5;
const MAIL_MS = 10;
const SLOW_MAIL_MS = 400;
const SLOW_EVERY_MS = 30_000;
const SLOW_FROM_MS = 5_000;
const SLOW_FOR_MS = 7_000;

const started = Date.now();
const open = (connection: ChannelModel) => connection.createChannel();

await stayConnected('mail-service', open, async (channel, over) => {
  await channel.assertExchange('payments.events', 'topic', { durable: true });
  await channel.assertExchange('payments.failed', 'fanout', { durable: true });
  await channel.assertQueue('mails', { durable: true });
  await channel.bindQueue('mails', 'payments.events', 'payment.settled');
  await channel.assertQueue('payment.failed', { durable: true });
  await channel.bindQueue('payment.failed', 'payments.failed', '');
  await channel.prefetch(PREFETCH);

  const busy = new Set<Promise<void>>();
  const send = (message: ConsumeMessage | null) => {
    if (!message) return;
    const sent = mail(channel, message).finally(() => busy.delete(sent));
    busy.add(sent);
  };
  const consumers = [await channel.consume('mails', send), await channel.consume('payment.failed', send)];

  console.log('mail-service: ready');

  await aborted(over);
  // Stopping: take no more, finish what was begun.
  await Promise.all(consumers.map(({ consumerTag }) => channel.cancel(consumerTag))).catch(() => {});
  await Promise.all(busy);
});

async function mail(channel: Channel, message: ConsumeMessage): Promise<void> {
  await pause(isSlow() ? SLOW_MAIL_MS : MAIL_MS);
  channel.ack(message);
}

function isSlow(): boolean {
  const at = (Date.now() - started) % SLOW_EVERY_MS;
  return at >= SLOW_FROM_MS && at < SLOW_FROM_MS + SLOW_FOR_MS;
}
