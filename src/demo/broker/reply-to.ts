import { randomBytes } from 'node:crypto';
import type { Channel } from './channel.ts';
import type { Message } from './message.ts';
import type { Properties } from './properties.ts';
import { Refusal } from './refusal.ts';
import type { Published, Vhost } from './vhost.ts';

/** Direct reply-to: answers to a channel without a queue in between. */
export const REPLY_TO = 'amq.rabbitmq.reply-to';

export const isReplyName = (routingKey: string): boolean => routingKey.startsWith(`${REPLY_TO}.`);

export function consumeAnswers(channel: Channel, asked: string, noAck: boolean, nowait: boolean): void {
  if (!noAck) throw new Refusal('PRECONDITION_FAILED', 'reply consumer cannot acknowledge');
  if (channel.replyName !== undefined) throw new Refusal('PRECONDITION_FAILED', 'reply consumer already set');
  const consumerTag = channel.freeTag(asked);
  channel.replyTag = consumerTag;
  channel.replyName = `${REPLY_TO}.${randomBytes(24).toString('base64url')}`;
  channel.vhost.replies.set(channel.replyName, channel);
  if (!nowait) channel.send('basic.consume-ok', { consumerTag });
}

export function endAnswers(channel: Channel): void {
  if (channel.replyName !== undefined) channel.vhost.replies.delete(channel.replyName);
  channel.replyName = undefined;
  channel.replyTag = '';
}

/** A question says whose it is by the name that its channel has for answers. */
export function withReplyName({ replyName }: Channel, properties: Properties): Properties {
  if (properties.text('replyTo') !== REPLY_TO) return properties;
  if (replyName === undefined) throw new Refusal('PRECONDITION_FAILED', 'fast reply consumer does not exist');
  return properties.withText('replyTo', replyName);
}

/** Such an answer is in no queue, so a mandatory one comes back to its sender, even though it is delivered. */
export function answer({ replies }: Vhost, message: Message): Published {
  deliver(replies.get(message.routingKey), message);
  return { routed: false, accepted: true };
}

function deliver(channel: Channel | undefined, message: Message): void {
  if (channel === undefined) return;
  const { exchange, routingKey } = message;
  const deliveryTag = channel.settlements.nextTag;
  channel.sendContent('basic.deliver', { consumerTag: channel.replyTag, deliveryTag, exchange, routingKey }, message);
}
