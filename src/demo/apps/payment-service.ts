import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Channel, ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib';
import { aborted, stayConnected } from './connection.ts';

/**
 * Charges orders: works through `order.created` a few at a time, publishes `payment.settled` with
 * publisher confirms, and answers requests for a quote. Now and then the bank does not answer and the order goes back
 * to its queue (requeued). A card that is declined is tried once more, and then the order is dead-lettered to
 * `payment.failed`. Of express delivery it knows nothing, so it says nothing.
 */
const PREFETCH = 10;
const BANK_SILENT = 0.03;
/** one order in fifty asks for more than a card may pay */
const CARD_LIMIT = 490;

const open = (connection: ChannelModel) => connection.createConfirmChannel();

await stayConnected('payment-service', open, async (channel, over) => {
  await channel.assertExchange('orders', 'topic', { durable: true });
  await channel.assertExchange('payments.events', 'topic', { durable: true });
  await channel.assertExchange('payments.failed', 'fanout', { durable: true });
  await channel.assertQueue('payment.orders', { durable: true, deadLetterExchange: 'payments.failed' });
  await channel.bindQueue('payment.orders', 'orders', 'order.created');
  await channel.assertQueue('payments', { durable: true });
  await channel.prefetch(PREFETCH);

  const busy = new Set<Promise<void>>();
  const consume = (queue: string, handle: (channel: ConfirmChannel, message: ConsumeMessage) => Promise<void>) =>
    channel.consume(queue, (message) => {
      if (!message) return;
      const handled = handle(channel, message)
        .catch((error: Error) => console.log(`payment-service: ${error.message}`))
        .finally(() => busy.delete(handled));
      busy.add(handled);
    });
  const consumers = [await consume('payment.orders', charge), await consume('payments', answer)];

  console.log('payment-service: ready');

  await aborted(over);
  // Stopping: take no more, finish what was begun.
  await Promise.all(consumers.map(({ consumerTag }) => channel.cancel(consumerTag))).catch(() => {});
  await Promise.all(busy);
});

async function charge(channel: ConfirmChannel, message: ConsumeMessage): Promise<void> {
  await bank();
  const { id, amount } = JSON.parse(message.content.toString());
  const { redelivered } = message.fields;
  if (amount > CARD_LIMIT) return channel.nack(message, false, !redelivered);
  if (!redelivered && Math.random() < BANK_SILENT) return channel.nack(message, false, true);

  await settled(channel, { order: id, amount }, message.properties.messageId);
  channel.ack(message);
}

/** Resolves when the broker has taken responsibility: only then may the order be acked. */
function settled(channel: ConfirmChannel, payment: object, orderMessage: string): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.publish(
      'payments.events',
      'payment.settled',
      Buffer.from(JSON.stringify(payment)),
      {
        type: 'payment.settled',
        messageId: randomUUID(),
        correlationId: orderMessage,
        contentType: 'application/json',
        persistent: true,
      },
      (error) => (error ? reject(error) : resolve()),
    );
  });
}

async function answer(channel: Channel, request: ConsumeMessage): Promise<void> {
  const { replyTo, correlationId } = request.properties;
  const { id, amount, express } = JSON.parse(request.content.toString());
  if (express) return channel.ack(request);
  const quote = { order: id, fee: Math.round(amount * 2) / 100 };
  channel.sendToQueue(replyTo, Buffer.from(JSON.stringify(quote)), { correlationId, contentType: 'application/json' });
  channel.ack(request);
}

/** 5 to 25 ms, and one in fifty slow. */
function bank(): Promise<void> {
  const slow = Math.random() < 0.02 ? 200 : 0;
  return pause(5 + Math.random() * 20 + slow);
}
