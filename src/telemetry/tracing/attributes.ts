import { isIP } from 'node:net';
import type { Attributes } from '@opentelemetry/api';
import {
  ATTR_ERROR_TYPE,
  ATTR_MESSAGING_CLIENT_ID,
  ATTR_MESSAGING_DESTINATION_ANONYMOUS,
  ATTR_MESSAGING_DESTINATION_NAME,
  ATTR_MESSAGING_DESTINATION_TEMPLATE,
  ATTR_MESSAGING_DESTINATION_TEMPORARY,
  ATTR_MESSAGING_MESSAGE_BODY_SIZE,
  ATTR_MESSAGING_MESSAGE_CONVERSATION_ID,
  ATTR_MESSAGING_MESSAGE_ID,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM_NAME,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_RABBITMQ_DESTINATION_ROUTING_KEY,
  ATTR_RABBITMQ_MESSAGE_DELIVERY_TAG,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  MESSAGING_OPERATION_TYPE_VALUE_PROCESS,
  MESSAGING_OPERATION_TYPE_VALUE_RECEIVE,
  MESSAGING_OPERATION_TYPE_VALUE_SEND,
  MESSAGING_SYSTEM_NAME_VALUE_RABBITMQ,
} from '@opentelemetry/semantic-conventions/incubating';
import type { DeliveryEnded, PublishEnded } from '../../events/lifecycle.ts';
import type { Connection } from '../connections.ts';

/** Where the conventions have no key, the key is ours. Durations are seconds. */
export const OWN = {
  outcome: 'tracehare.outcome',
  reason: 'tracehare.reason',
  pipeline: 'tracehare.pipeline',
  connection: 'tracehare.connection',
  channel: 'tracehare.channel',
  sequence: 'tracehare.sequence',
  confirmed: 'tracehare.confirmed',
  settlement: 'tracehare.settlement',
  redelivered: 'tracehare.redelivered',
  latency: 'tracehare.latency',
  requeue: 'tracehare.requeue',
  replyCode: 'tracehare.reply_code',
  replyText: 'tracehare.reply_text',
  faultType: 'tracehare.fault.type',
  deadLetterQueue: 'tracehare.dead_letter.queue',
  deadLetterReason: 'tracehare.dead_letter.reason',
} as const;

export function publishAttributes(event: PublishEnded, connection: Connection | undefined): Attributes {
  const attributes = messageAttributes(event, connection);
  attributes[ATTR_MESSAGING_OPERATION_NAME] = 'publish';
  attributes[ATTR_MESSAGING_OPERATION_TYPE] = MESSAGING_OPERATION_TYPE_VALUE_SEND;
  attributes[ATTR_MESSAGING_DESTINATION_NAME] = joined(event.exchange, event.routingKey) || 'amq.default';
  if (event.exchange === '' && isServerNamed(event.routingKey)) setServerNamed(attributes);
  attributes[OWN.sequence] = event.sequence;
  attributes[OWN.confirmed] = event.confirmed;
  return attributes;
}

export function deliveryAttributes(event: DeliveryEnded, connection: Connection | undefined): Attributes {
  const attributes = messageAttributes(event, connection);
  const got = event.via === 'get';
  attributes[ATTR_MESSAGING_OPERATION_NAME] = got ? 'receive' : 'process';
  attributes[ATTR_MESSAGING_OPERATION_TYPE] = got
    ? MESSAGING_OPERATION_TYPE_VALUE_RECEIVE
    : MESSAGING_OPERATION_TYPE_VALUE_PROCESS;
  const key = event.routingKey === event.queue ? '' : event.routingKey;
  attributes[ATTR_MESSAGING_DESTINATION_NAME] = joined(event.exchange, key, event.queue) || 'amq.default';
  if (isServerNamed(event.queue)) setServerNamed(attributes);
  attributes[ATTR_RABBITMQ_MESSAGE_DELIVERY_TAG] = event.deliveryTag;
  attributes[OWN.settlement] = event.settlement;
  attributes[OWN.redelivered] = event.redelivered;
  if (!Number.isNaN(event.latency)) attributes[OWN.latency] = event.latency;
  return attributes;
}

function messageAttributes(event: PublishEnded | DeliveryEnded, connection: Connection | undefined): Attributes {
  const attributes: Attributes = {
    [ATTR_MESSAGING_SYSTEM_NAME]: MESSAGING_SYSTEM_NAME_VALUE_RABBITMQ,
    [ATTR_MESSAGING_DESTINATION_TEMPLATE]: event.topic,
    [ATTR_MESSAGING_MESSAGE_BODY_SIZE]: event.bodySize,
    [OWN.outcome]: event.outcome,
    [OWN.pipeline]: event.pipeline,
    [OWN.connection]: event.connection,
    [OWN.channel]: event.channel,
  };
  if (event.routingKey !== '') attributes[ATTR_RABBITMQ_DESTINATION_ROUTING_KEY] = event.routingKey;
  if (event.messageId !== '') attributes[ATTR_MESSAGING_MESSAGE_ID] = event.messageId;
  if (event.correlationId !== '') attributes[ATTR_MESSAGING_MESSAGE_CONVERSATION_ID] = event.correlationId;
  if (event.fault !== '') attributes[OWN.faultType] = event.fault;
  if (event.reason !== '') attributes[OWN.reason] = event.reason;
  if (event.outcome === 'failed') attributes[ATTR_ERROR_TYPE] = event.reason;
  if (connection !== undefined) setConnection(attributes, connection);
  return attributes;
}

function setConnection(attributes: Attributes, { brokerHost, brokerPort, clientId }: Connection): void {
  attributes[ATTR_SERVER_ADDRESS] = brokerHost;
  attributes[ATTR_SERVER_PORT] = brokerPort;
  // The peer is an address, which is only known if the broker was configured by one.
  if (isIP(brokerHost) !== 0) {
    attributes[ATTR_NETWORK_PEER_ADDRESS] = brokerHost;
    attributes[ATTR_NETWORK_PEER_PORT] = brokerPort;
  }
  if (clientId !== '') attributes[ATTR_MESSAGING_CLIENT_ID] = clientId;
}

function setServerNamed(attributes: Attributes): void {
  attributes[ATTR_MESSAGING_DESTINATION_ANONYMOUS] = true;
  attributes[ATTR_MESSAGING_DESTINATION_TEMPORARY] = true;
}

/** A queue the broker named, or a direct reply-to address: both end with whoever declared them. */
function isServerNamed(queue: string): boolean {
  return queue.startsWith('amq.gen-') || queue.startsWith('amq.rabbitmq.reply-to');
}

function joined(...parts: string[]): string {
  return parts.filter((part) => part !== '').join(':');
}
