import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Channel, ChannelModel } from 'amqplib';
import { stayConnected } from './connection.ts';

/**
 * Takes orders: publishes `order.created`, asks the payment service for a quote about some of them,
 * and hears of payments. Now and then it publishes `order.archived`, for which nobody ever bound a
 * queue: the kind of mistake that no one notices. And some of its questions, those for express delivery, are
 * never answered.
 */
const ordersPerSecond = Number(process.env.ORDERS_PER_SECOND ?? 20);
const QUOTE_EVERY = 5;
const ARCHIVE_EVERY = 50;
const EXPRESS_EVERY = 100;
const QUOTE_TIMEOUT_MS = 2_000;

type Answers = Map<string, (answer: Buffer) => void>;

const open = (connection: ChannelModel) => connection.createChannel();

await stayConnected('order-service', open, async (channel, over) => {
  await channel.assertExchange('orders', 'topic', { durable: true });
  await channel.assertExchange('payments.events', 'topic', { durable: true });
  await hearOfPayments(channel);
  const answers = await listenForAnswers(channel);

  for (let number = 1; !over.aborted; number++) {
    const express = number % EXPRESS_EVERY === 0;
    const order = { id: randomUUID(), amount: Math.ceil(Math.random() * 500), currency: 'EUR', express };
    publish(channel, 'order.created', order);
    if (number % QUOTE_EVERY === 0) {
      askForQuote(channel, answers, order).catch((error: Error) => console.log(`order-service: ${error.message}`));
    }
    if (number % ARCHIVE_EVERY === 0) publish(channel, 'order.archived', { id: order.id });
    await pause(1000 / ordersPerSecond, undefined, { signal: over }).catch(() => {});
  }
});

function publish(channel: Channel, type: string, order: object): void {
  channel.publish('orders', type, Buffer.from(JSON.stringify(order)), {
    type,
    messageId: randomUUID(),
    contentType: 'application/json',
    persistent: true,
  });
}

async function hearOfPayments(channel: Channel): Promise<void> {
  const { queue } = await channel.assertQueue('orders.settled', { durable: true });
  await channel.bindQueue(queue, 'payments.events', 'payment.settled');
  await channel.consume(queue, () => {}, { noAck: true });
}

/** Direct reply-to: answers come on the channel that asked, without a queue of their own. */
async function listenForAnswers(channel: Channel): Promise<Answers> {
  const answers: Answers = new Map();
  await channel.consume(
    'amq.rabbitmq.reply-to',
    (message) => {
      if (message) answers.get(message.properties.correlationId)?.(message.content);
    },
    { noAck: true },
  );
  return answers;
}

async function askForQuote(channel: Channel, answers: Answers, order: { id: string }): Promise<void> {
  const correlationId = randomUUID();
  const { promise: answer, resolve } = Promise.withResolvers<Buffer>();
  answers.set(correlationId, resolve);
  channel.sendToQueue('payments', Buffer.from(JSON.stringify(order)), {
    replyTo: 'amq.rabbitmq.reply-to',
    correlationId,
    contentType: 'application/json',
    // Nobody waits for the answer any longer then.
    expiration: QUOTE_TIMEOUT_MS,
  });
  const late = new AbortController();
  const timeout = pause(QUOTE_TIMEOUT_MS, undefined, { signal: late.signal, ref: false }).then(() => {
    throw new Error(`no answer about order ${order.id} within ${QUOTE_TIMEOUT_MS} ms`);
  });
  try {
    await Promise.race([answer, timeout]);
  } finally {
    late.abort();
    answers.delete(correlationId);
  }
}
