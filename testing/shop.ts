import { setTimeout as pause } from 'node:timers/promises';
import { type Channel, type ChannelModel, type ConsumeMessage, connect } from 'amqplib';
import { freePort } from './ports.ts';
import { startTracehare, type Tracehare } from './tracehare.ts';

export interface ShopOptions {
  /** URL of the vhost, direct or through whoever listens on `port` */
  url(port?: number): string;
  /** port of the broker */
  broker: number;
  /** of the orders' sidecar, the one that knows the other as its peer */
  orders?: { args?: string[]; config?: string };
  /** milliseconds between two orders */
  every?: number;
}

export interface Shop {
  /** in front of `order-api` and `stock`; shows the other one's figures too */
  orders: Tracehare;
  /** in front of `billing` and `mailer` */
  payments: Tracehare;
  /** Ends the orders' sidecar and starts it anew where it was; its apps come back too. */
  restart(): Promise<void>;
  /** Ends everything. */
  stop(): Promise<void>;
}

/** Of so many orders one goes to a key nobody has bound, one is rejected and one is nacked first. */
const MISSPELT = 61;
const REJECTED = 47;
const NACKED = 29;
const MAIL_MS = 150;

/**
 * Four apps of a shop with a sidecar each two: orders go to billing and stock, billing tells of payments and has mails
 * sent, slowly. Some orders are lost: by a misspelt key on one side, by a reject on the other.
 */
export async function startShop({ url, broker, orders: settings = {}, every = 25 }: ShopOptions): Promise<Shop> {
  const upstream = `amqp://127.0.0.1:${broker}`;
  const payments = await startTracehare({ upstream, env: { OTEL_SERVICE_NAME: 'payments' } });
  const [listen, admin] = [await freePort(), await freePort()];
  const startOrders = () =>
    startTracehare({
      upstream,
      listen: `127.0.0.1:${listen}`,
      args: ['--peers', `http://127.0.0.1:${payments.adminPort}`, ...(settings.args ?? [])],
      admin: `127.0.0.1:${admin}`,
      env: { OTEL_SERVICE_NAME: 'orders' },
      ...(settings.config !== undefined && { config: settings.config }),
    });
  let orders = await startOrders().catch(async (error) => {
    await payments.stop();
    throw error;
  });
  const over = new AbortController();
  await declare(url());
  const apps = [
    runApp('order-api', url(listen), over.signal, (channel, ended) => takeOrders(channel, every, ended)),
    runApp('stock', url(listen), over.signal, (channel) =>
      consume(channel, 'orders.stock', 50, async () => channel.ack),
    ),
    runApp('billing', url(payments.port), over.signal, bill),
    runApp('mailer', url(payments.port), over.signal, (channel) =>
      consume(channel, 'mails', 5, async () => {
        await pause(MAIL_MS);
        return channel.ack;
      }),
    ),
  ];
  return {
    get orders() {
      return orders;
    },
    payments,
    async restart() {
      await orders.kill();
      orders = await startOrders();
    },
    async stop() {
      over.abort();
      await Promise.all(apps);
      await Promise.all([orders.stop(), payments.stop()]);
    },
  };
}

async function declare(url: string): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  for (const exchange of ['orders', 'payments', 'mails']) await channel.assertExchange(exchange, 'topic');
  for (const [queue, exchange, key] of [
    ['orders.billing', 'orders', 'order.created'],
    ['orders.stock', 'orders', 'order.created'],
    ['payments.done', 'payments', 'payment.#'],
    ['mails', 'mails', '#'],
  ]) {
    await channel.assertQueue(queue);
    await channel.bindQueue(queue, exchange, key);
  }
  await connection.close();
}

type Work = (channel: Channel, ended: AbortSignal) => Promise<unknown>;

/** Connects, works, and begins anew whenever the connection ends, as apps do. */
async function runApp(name: string, url: string, over: AbortSignal, work: Work): Promise<void> {
  while (!over.aborted) {
    const ended = new AbortController();
    let connection: ChannelModel | undefined;
    try {
      connection = await connect(url, { clientProperties: { connection_name: name } });
      const gone = new Promise<void>((resolve) => {
        connection?.once('close', () => resolve());
        connection?.on('error', () => {});
        over.addEventListener('abort', () => resolve(), { once: true });
      });
      const channel = await connection.createConfirmChannel();
      channel.on('error', () => {});
      void work(channel, ended.signal).catch(() => {});
      await gone;
    } catch {
      await pause(100);
    }
    ended.abort();
    await connection?.close().catch(() => {});
  }
}

async function takeOrders(channel: Channel, every: number, ended: AbortSignal): Promise<void> {
  await consume(channel, 'payments.done', 100, async () => channel.ack);
  for (let order = 1; !ended.aborted; order++) {
    const key = order % MISSPELT === 0 ? 'order.crated' : 'order.created';
    channel.publish('orders', key, Buffer.from(JSON.stringify({ order, items: 3 })), { messageId: `order-${order}` });
    await pause(every);
  }
}

/** A payment for each order, and a mail for every fourth. */
async function bill(channel: Channel): Promise<void> {
  let seen = 0;
  await consume(channel, 'orders.billing', 20, async (message) => {
    seen++;
    if (seen % REJECTED === 0) return (each: ConsumeMessage) => channel.reject(each, false);
    if (seen % NACKED === 0 && !message.fields.redelivered) return (each: ConsumeMessage) => channel.nack(each);
    await pause(2 + (seen % 7));
    channel.publish('payments', 'payment.done', message.content, { headers: message.properties.headers ?? {} });
    if (seen % 4 === 0) channel.publish('mails', 'receipt', message.content);
    return channel.ack;
  });
}

/** `decide` says how each message is settled, when it has done with it. */
async function consume(
  channel: Channel,
  queue: string,
  prefetch: number,
  decide: (message: ConsumeMessage) => Promise<(message: ConsumeMessage) => void>,
): Promise<void> {
  await channel.prefetch(prefetch);
  await channel.consume(queue, async (message) => {
    if (message === null) return;
    try {
      const settle = await decide(message);
      settle.call(channel, message);
    } catch {
      // the channel was closed meanwhile: the broker delivers it again
    }
  });
}
