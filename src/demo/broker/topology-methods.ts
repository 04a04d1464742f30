import type { Channel, Handlers } from './channel.ts';
import type { Exchange } from './exchange.ts';
import type { Queue } from './queue.ts';
import { Refusal } from './refusal.ts';

/** What clients say of exchanges, queues and bindings. */
export const topologyMethods: Handlers = {
  'exchange.declare'(channel, { exchange, type, passive, durable, autoDelete, internal, nowait }, args) {
    notDefault(exchange);
    if (passive) channel.vhost.exchange(exchange);
    else channel.vhost.declareExchange({ name: exchange, type, durable, autoDelete, internal, args });
    if (!nowait) channel.send('exchange.declare-ok');
  },

  'exchange.delete'(channel, { exchange, ifUnused, nowait }) {
    notDefault(exchange);
    channel.vhost.deleteExchange(exchange, ifUnused);
    if (!nowait) channel.send('exchange.delete-ok');
  },

  'exchange.bind'(channel, { source, destination, routingKey, nowait }, args) {
    notDefault(source);
    notDefault(destination);
    const from = channel.vhost.exchange(source);
    from.bind({ destination: channel.vhost.exchange(destination), routingKey, args });
    if (!nowait) channel.send('exchange.bind-ok');
  },

  'exchange.unbind'(channel, { source, destination, routingKey, nowait }, args) {
    notDefault(source);
    notDefault(destination);
    unbind(channel, source, channel.vhost.exchanges.get(destination), routingKey, args);
    if (!nowait) channel.send('exchange.unbind-ok');
  },

  'queue.declare'(channel, { queue: name, passive, durable, exclusive, autoDelete, nowait }, args) {
    const queue = passive ? channel.queue(name) : declareQueue(channel, name, durable, exclusive, autoDelete, args);
    channel.lastQueue = queue.name;
    const { messageCount, consumerCount } = queue;
    if (!nowait) channel.send('queue.declare-ok', { queue: queue.name, messageCount, consumerCount });
  },

  'queue.bind'(channel, { queue: name, exchange, routingKey, nowait }, args) {
    const destination = channel.queue(name);
    notDefault(exchange);
    channel.vhost.exchange(exchange).bind({ destination, routingKey: keyFor(channel, name, routingKey), args });
    if (!nowait) channel.send('queue.bind-ok');
  },

  'queue.unbind'(channel, { queue: name, exchange, routingKey }, args) {
    notDefault(exchange);
    const queue = channel.vhost.queues.get(channel.queueName(name)) && channel.queue(name);
    unbind(channel, exchange, queue, keyFor(channel, name, routingKey), args);
    channel.send('queue.unbind-ok');
  },

  'queue.purge'(channel, { queue, nowait }) {
    const messageCount = channel.queue(queue).purge();
    if (!nowait) channel.send('queue.purge-ok', { messageCount });
  },

  'queue.delete'(channel, { queue: name, ifUnused, ifEmpty, nowait }) {
    const known = channel.vhost.queues.has(channel.queueName(name));
    const messageCount = known ? channel.vhost.deleteQueue(channel.queue(name), { ifUnused, ifEmpty }) : 0;
    if (!nowait) channel.send('queue.delete-ok', { messageCount });
  },
};

function declareQueue(
  { vhost, connection }: Channel,
  name: string,
  durable: boolean,
  exclusive: boolean,
  autoDelete: boolean,
  args: Parameters<NonNullable<Handlers['queue.declare']>>[2],
): Queue {
  const options = { durable, autoDelete, owner: exclusive ? connection : undefined, args };
  return name === '' ? vhost.declareUnnamedQueue(options) : vhost.declareQueue({ name, ...options }, connection);
}

function unbind(
  { vhost }: Channel,
  source: string,
  destination: Queue | Exchange | undefined,
  routingKey: string,
  args: Parameters<NonNullable<Handlers['queue.unbind']>>[2],
): void {
  const from = vhost.exchanges.get(source);
  // what is not there is no error
  if (from !== undefined && destination !== undefined && from.unbind({ destination, routingKey, args })) {
    vhost.unbound(from);
  }
}

/** Without a queue's name and a key, the key is the name of the queue that was declared last. */
const keyFor = (channel: Channel, queue: string, routingKey: string): string =>
  queue === '' && routingKey === '' ? channel.lastQueue : routingKey;

function notDefault(exchange: string): void {
  if (exchange === '') throw new Refusal('ACCESS_REFUSED', 'operation not permitted on the default exchange');
}
