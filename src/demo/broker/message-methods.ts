import type { Field } from '../../amqp/encode.ts';
import type { Arguments } from '../../amqp/methods.ts';
import type { Channel, Handlers } from './channel.ts';
import { ChannelConsumer } from './channel-consumer.ts';
import { fieldValue } from './fields.ts';
import type { Content, Message } from './message.ts';
import { Refusal } from './refusal.ts';
import { answer, consumeAnswers, endAnswers, isReplyName, REPLY_TO, withReplyName } from './reply-to.ts';

/** What clients say of messages. */
export const messageMethods: Handlers = {
  'basic.qos'(channel, { prefetchSize, prefetchCount, global }) {
    if (prefetchSize > 0) throw new Refusal('NOT_IMPLEMENTED', `prefetch_size!=0 (${prefetchSize})`);
    if (global) channel.globalPrefetch = prefetchCount;
    else channel.prefetch = prefetchCount;
    channel.send('basic.qos-ok');
    if (global) channel.run();
  },

  'basic.consume'(channel, { queue: name, consumerTag, noAck, exclusive, nowait }, args) {
    if (name === REPLY_TO) return consumeAnswers(channel, consumerTag, noAck, nowait);
    const queue = channel.queue(name);
    const tag = channel.freeTag(consumerTag);
    if (queue.isExclusivelyConsumed || (exclusive && queue.consumerCount > 0)) {
      throw new Refusal('ACCESS_REFUSED', `queue '${queue.name}' in vhost '${channel.vhost.name}' in exclusive use`);
    }
    const consumer = new ChannelConsumer(channel, queue, { tag, noAck, exclusive, priority: priorityIn(args) });
    channel.consumers.set(tag, consumer);
    queue.addConsumer(consumer);
    if (!nowait) channel.send('basic.consume-ok', { consumerTag: tag });
    queue.run();
  },

  'basic.cancel'(channel, { consumerTag, nowait }) {
    const consumer = channel.consumers.get(consumerTag);
    channel.consumers.delete(consumerTag);
    if (channel.replyTag === consumerTag) endAnswers(channel);
    if (!nowait) channel.send('basic.cancel-ok', { consumerTag });
    consumer?.leave();
  },

  'basic.get'(channel, { queue: name, noAck }) {
    const queue = channel.queue(name);
    const entry = queue.get();
    if (entry === undefined) return channel.send('basic.get-empty');
    const { message, redelivered } = entry;
    const deliveryTag = channel.settlements.open(queue, entry, noAck);
    const { exchange, routingKey } = message;
    const args = { deliveryTag, redelivered, exchange, routingKey, messageCount: queue.messageCount };
    channel.sendContent('basic.get-ok', args, message);
  },

  'basic.ack'({ settlements }, { deliveryTag, multiple }) {
    settlements.settle(deliveryTag, multiple, 'ack');
  },

  'basic.nack'({ settlements }, { deliveryTag, multiple, requeue }) {
    settlements.settle(deliveryTag, multiple, requeue ? 'requeue' : 'reject');
  },

  'basic.reject'({ settlements }, { deliveryTag, requeue }) {
    settlements.settle(deliveryTag, false, requeue ? 'requeue' : 'reject');
  },

  'basic.recover'(channel, { requeue }) {
    recover(channel, requeue);
    channel.send('basic.recover-ok');
  },

  'basic.recover-async'(channel, { requeue }) {
    recover(channel, requeue);
  },

  'confirm.select'(channel, { nowait }) {
    if (channel.mode === 'tx') throw new Refusal('PRECONDITION_FAILED', 'cannot switch from tx to confirm mode');
    channel.mode = 'confirm';
    if (!nowait) channel.send('confirm.select-ok');
  },

  'tx.select'(channel) {
    if (channel.mode === 'confirm') throw new Refusal('PRECONDITION_FAILED', 'cannot switch from confirm to tx mode');
    channel.mode = 'tx';
    channel.send('tx.select-ok');
  },

  'tx.commit'(channel) {
    inTransaction(channel);
    for (const publishing of channel.held.splice(0)) publishing();
    channel.settlements.commit();
    channel.send('tx.commit-ok');
  },

  'tx.rollback'(channel) {
    inTransaction(channel);
    channel.held = [];
    channel.settlements.rollBack();
    channel.send('tx.rollback-ok');
  },

  'channel.flow'(channel, { active }) {
    if (!active) throw new Refusal('NOT_IMPLEMENTED', 'active=false');
    channel.send('channel.flow-ok', { active });
  },
};

/** A publish whose content has come whole. */
export function publish(
  channel: Channel,
  { exchange, routingKey, mandatory, immediate }: Arguments<'basic.publish'>,
  content: Content,
): void {
  if (immediate) throw new Refusal('NOT_IMPLEMENTED', 'immediate=true');
  const { vhost, connection } = channel;
  if (vhost.exchange(exchange).options.internal) {
    throw new Refusal('ACCESS_REFUSED', `cannot publish to internal exchange '${exchange}' in vhost '${vhost.name}'`);
  }
  const userId = content.properties.text('userId');
  if (userId !== undefined && userId !== connection.user) {
    const words = `user_id property set to '${userId}' but authenticated user was '${connection.user}'`;
    throw new Refusal('PRECONDITION_FAILED', words);
  }
  checkExpiration(content.properties.text('expiration'));
  const message = { exchange, routingKey, ...content, properties: withReplyName(channel, content.properties) };
  if (channel.mode === 'tx') channel.held.push(() => route(channel, message, mandatory));
  else route(channel, message, mandatory);
}

function route(channel: Channel, message: Message, mandatory: boolean): void {
  const { exchange, routingKey } = message;
  const { routed, accepted } =
    exchange === '' && isReplyName(routingKey) ? answer(channel.vhost, message) : channel.vhost.publish(message);
  if (mandatory && !routed) {
    channel.sendContent('basic.return', { replyCode: 312, replyText: 'NO_ROUTE', exchange, routingKey }, message);
  }
  if (channel.mode !== 'confirm') return;
  const deliveryTag = ++channel.confirmed;
  if (accepted) channel.send('basic.ack', { deliveryTag });
  // requeue says nothing to a publisher, and is set by RabbitMQ
  else channel.send('basic.nack', { deliveryTag, requeue: true });
}

function priorityIn(args: readonly Field[]): number {
  const field = args.find(({ name }) => name === 'x-priority');
  return field === undefined ? 0 : Number(fieldValue(field));
}

function checkExpiration(expiration: string | undefined): void {
  if (expiration === undefined || /^\d+$/.test(expiration)) return;
  const number = /^([+-]?\d+)(.*)$/s.exec(expiration);
  let why = 'no_integer';
  if (number?.[2] === '') why = `{value_negative,${Number(number[1])}}`;
  else if (number) why = `{leftover_string,"${number[2]}"}`;
  throw new Refusal('PRECONDITION_FAILED', `invalid expiration '${expiration}': ${why}`);
}

function recover({ settlements }: Channel, requeue: boolean): void {
  if (!requeue) throw new Refusal('NOT_IMPLEMENTED', 'requeue=false');
  settlements.requeueAll();
}

function inTransaction({ mode }: Channel): void {
  if (mode !== 'tx') throw new Refusal('PRECONDITION_FAILED', 'channel is not transactional');
}
