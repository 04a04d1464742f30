import { isIP } from 'node:net';
import type { DeliveryEnded, PublishEnded } from '../../events/lifecycle.ts';
import type { Connection } from '../connections.ts';
import { type EncodedKey, encodedKey } from './protobuf.ts';

export interface Key {
  readonly name: string;
  /** for those who write bytes */
  readonly encoded: EncodedKey;
}

/** Where attributes go: into an object, or as bytes to where they are sent. */
export interface AttributeWriter {
  text(key: Key, value: string): void;
  number(key: Key, value: number): void;
  flag(key: Key, value: boolean): void;
}

// The type of the conventions alone: to load all their names takes 6 MiB and 20 ms.
type Conventions = typeof import('@opentelemetry/semantic-conventions/incubating');

const own = (name: string): Key => ({ name, encoded: encodedKey(name) });
const conventional = <Name extends keyof Conventions>(name: Conventions[Name] & string): Key => own(name);

export const KEY = {
  systemName: conventional<'ATTR_MESSAGING_SYSTEM_NAME'>('messaging.system.name'),
  operationName: conventional<'ATTR_MESSAGING_OPERATION_NAME'>('messaging.operation.name'),
  operationType: conventional<'ATTR_MESSAGING_OPERATION_TYPE'>('messaging.operation.type'),
  destinationName: conventional<'ATTR_MESSAGING_DESTINATION_NAME'>('messaging.destination.name'),
  destinationTemplate: conventional<'ATTR_MESSAGING_DESTINATION_TEMPLATE'>('messaging.destination.template'),
  destinationAnonymous: conventional<'ATTR_MESSAGING_DESTINATION_ANONYMOUS'>('messaging.destination.anonymous'),
  destinationTemporary: conventional<'ATTR_MESSAGING_DESTINATION_TEMPORARY'>('messaging.destination.temporary'),
  bodySize: conventional<'ATTR_MESSAGING_MESSAGE_BODY_SIZE'>('messaging.message.body.size'),
  messageId: conventional<'ATTR_MESSAGING_MESSAGE_ID'>('messaging.message.id'),
  conversationId: conventional<'ATTR_MESSAGING_MESSAGE_CONVERSATION_ID'>('messaging.message.conversation_id'),
  clientId: conventional<'ATTR_MESSAGING_CLIENT_ID'>('messaging.client.id'),
  routingKey: conventional<'ATTR_RABBITMQ_DESTINATION_ROUTING_KEY'>('rabbitmq.destination.routing_key'),
  deliveryTag: conventional<'ATTR_RABBITMQ_MESSAGE_DELIVERY_TAG'>('rabbitmq.message.delivery_tag'),
  serverAddress: conventional<'ATTR_SERVER_ADDRESS'>('server.address'),
  serverPort: conventional<'ATTR_SERVER_PORT'>('server.port'),
  peerAddress: conventional<'ATTR_NETWORK_PEER_ADDRESS'>('network.peer.address'),
  peerPort: conventional<'ATTR_NETWORK_PEER_PORT'>('network.peer.port'),
  errorType: conventional<'ATTR_ERROR_TYPE'>('error.type'),
  // Where the conventions have no key, the key is ours. Durations are seconds.
  outcome: own('tracehare.outcome'),
  reason: own('tracehare.reason'),
  pipeline: own('tracehare.pipeline'),
  connection: own('tracehare.connection'),
  channel: own('tracehare.channel'),
  sequence: own('tracehare.sequence'),
  confirmed: own('tracehare.confirmed'),
  settlement: own('tracehare.settlement'),
  redelivered: own('tracehare.redelivered'),
  latency: own('tracehare.latency'),
  faultType: own('tracehare.fault.type'),
  cause: own('tracehare.cause'),
  attempt: own('tracehare.attempt'),
  kept: own('tracehare.kept'),
  firstPublished: own('tracehare.first_published'),
  queueSeconds: own('tracehare.queue.seconds'),
  delayPlanned: own('tracehare.delay.planned'),
  delayActual: own('tracehare.delay.actual'),
};

/** Our keys in the events of a span. */
export const OWN = {
  requeue: 'tracehare.requeue',
  replyCode: 'tracehare.reply_code',
  replyText: 'tracehare.reply_text',
  faultType: KEY.faultType.name,
  deadLetterQueue: 'tracehare.dead_letter.queue',
  deadLetterReason: 'tracehare.dead_letter.reason',
  queueSeconds: KEY.queueSeconds.name,
} as const;

/** Of headers that configuration names: few, but a reload may name others. */
const headerKeys = new Map<string, Key>();
const MOST_HEADER_KEYS = 256;

/** The key of a header that is shown. */
export function headerKey(name: string): Key {
  let key = headerKeys.get(name);
  if (key === undefined) {
    key = own(`messaging.header.${name}`);
    if (headerKeys.size < MOST_HEADER_KEYS) headerKeys.set(name, key);
  }
  return key;
}

export const isHeaderKey = ({ name }: Key): boolean => name.startsWith('messaging.header.');

type Passage = PublishEnded | DeliveryEnded;

/** The attributes that all spans of a route on a channel have: most of them. */
export function writeRoute(event: Passage, connection: Connection | undefined, to: AttributeWriter): void {
  to.text(KEY.systemName, 'rabbitmq');
  if (event.type === 'publish.ended') {
    to.text(KEY.operationName, 'publish');
    to.text(KEY.operationType, 'send');
    to.text(KEY.destinationName, destinationName(event.exchange, event.routingKey, ''));
    if (event.exchange === '' && isServerNamed(event.routingKey)) writeServerNamed(to);
  } else {
    const operation = event.via === 'get' ? 'receive' : 'process';
    to.text(KEY.operationName, operation);
    to.text(KEY.operationType, operation);
    to.text(KEY.destinationName, destinationName(event.exchange, event.routingKey, event.queue));
    if (isServerNamed(event.queue)) writeServerNamed(to);
  }
  to.text(KEY.destinationTemplate, event.topic);
  if (event.routingKey !== '') to.text(KEY.routingKey, event.routingKey);
  to.text(KEY.pipeline, event.pipeline);
  if (event.connection > 0) {
    to.number(KEY.connection, event.connection);
    to.number(KEY.channel, event.channel);
  }
  if (connection !== undefined) writeConnection(connection, to);
}

/** All attributes of the time that a message was in queues, before it was delivered. */
export function writeQueue(event: DeliveryEnded, connection: Connection | undefined, to: AttributeWriter): void {
  to.text(KEY.systemName, 'rabbitmq');
  to.text(KEY.destinationName, event.queue);
  if (isServerNamed(event.queue)) writeServerNamed(to);
  to.text(KEY.destinationTemplate, event.topic);
  to.text(KEY.pipeline, event.pipeline);
  to.number(KEY.attempt, event.attempt);
  if (event.messageId !== '') to.text(KEY.messageId, event.messageId);
  if (connection !== undefined) writeConnection(connection, to);
}

/** The attributes of the message at hand. */
export function writeMessage(event: Passage, to: AttributeWriter): void {
  if (event.type === 'publish.ended') {
    if (event.sequence > 0) to.number(KEY.sequence, event.sequence);
    to.flag(KEY.confirmed, event.confirmed);
    if (event.cause !== '') to.text(KEY.cause, event.cause);
  } else {
    if (event.deliveryTag > 0) to.number(KEY.deliveryTag, event.deliveryTag);
    to.text(KEY.settlement, event.settlement);
    to.flag(KEY.redelivered, event.redelivered);
    to.number(KEY.attempt, event.attempt);
    if (!event.sampled) to.text(KEY.kept, keptFor(event));
    if (event.firstPublished > 0) to.number(KEY.firstPublished, event.firstPublished / 1e6);
    if (!Number.isNaN(event.latency)) to.number(KEY.latency, event.latency);
    if (!Number.isNaN(event.delayPlanned)) {
      to.number(KEY.delayPlanned, event.delayPlanned);
      to.number(KEY.delayActual, event.delayActual);
    }
  }
  to.number(KEY.bodySize, event.bodySize);
  to.text(KEY.outcome, event.outcome);
  if (event.messageId !== '') to.text(KEY.messageId, event.messageId);
  if (event.correlationId !== '') to.text(KEY.conversationId, event.correlationId);
  for (const [name, value] of event.headers) to.text(headerKey(name), value);
  if (event.fault !== '') to.text(KEY.faultType, event.fault);
  if (event.baggage !== '') writeBaggage(event.baggage, to);
  if (event.reason !== '') to.text(KEY.reason, event.reason);
  if (event.outcome === 'failed') to.text(KEY.errorType, event.reason);
}

/** Why an unsampled delivery is exported. */
function keptFor({ outcome, attempt, isContinued }: DeliveryEnded): 'failed' | 'repeated' | 'slow' {
  if (outcome === 'failed') return 'failed';
  return attempt > 2 || isContinued ? 'repeated' : 'slow';
}

/** Each member as an attribute of its own, without the properties that it may have. */
function writeBaggage(baggage: string, to: AttributeWriter): void {
  for (const member of baggage.split(',')) {
    const [pair] = member.split(';', 1);
    const at = pair.indexOf('=');
    if (at > 0) to.text(own(`baggage.${pair.slice(0, at).trim()}`), decoded(pair.slice(at + 1).trim()));
  }
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function writeConnection({ brokerHost, brokerPort, clientId }: Connection, to: AttributeWriter): void {
  to.text(KEY.serverAddress, brokerHost);
  to.number(KEY.serverPort, brokerPort);
  // The peer is an address, which is only known if the broker was configured by one.
  if (isIP(brokerHost) !== 0) {
    to.text(KEY.peerAddress, brokerHost);
    to.number(KEY.peerPort, brokerPort);
  }
  if (clientId !== '') to.text(KEY.clientId, clientId);
}

function writeServerNamed(to: AttributeWriter): void {
  to.flag(KEY.destinationAnonymous, true);
  to.flag(KEY.destinationTemporary, true);
}

/** A queue the broker named, or a direct reply-to address: both end with whoever declared them. */
function isServerNamed(queue: string): boolean {
  return queue.startsWith('amq.gen-') || queue.startsWith('amq.rabbitmq.reply-to');
}

/** A destination's name; `queue`: '' for a publish. */
export function destinationName(exchange: string, routingKey: string, queue: string): string {
  const key = routingKey === queue ? '' : routingKey;
  return [exchange, key, queue].filter((part) => part !== '').join(':') || 'amq.default';
}
