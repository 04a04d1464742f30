/**
 * AMQP 0-9-1 with RabbitMQ's extensions, as data (amqp0-9-1.stripped.extended.xml).
 * Argument names are the specification's, in camel case; their order is the order on the wire.
 */
export type ArgumentType = 'octet' | 'short' | 'long' | 'longlong' | 'shortstr' | 'longstr' | 'table' | 'bit';

export interface MethodSpec {
  readonly classId: number;
  readonly methodId: number;
  readonly args: Readonly<Record<string, ArgumentType>>;
  /** content header and body frames follow */
  readonly content?: true;
}

const method = <const A extends Record<string, ArgumentType>>(classId: number, methodId: number, args: A) => ({
  classId,
  methodId,
  args,
});

const close = { replyCode: 'short', replyText: 'shortstr', failedClassId: 'short', failedMethodId: 'short' } as const;

export const methods = {
  'connection.start': method(10, 10, {
    versionMajor: 'octet',
    versionMinor: 'octet',
    serverProperties: 'table',
    mechanisms: 'longstr',
    locales: 'longstr',
  }),
  'connection.start-ok': method(10, 11, {
    clientProperties: 'table',
    mechanism: 'shortstr',
    response: 'longstr',
    locale: 'shortstr',
  }),
  'connection.secure': method(10, 20, { challenge: 'longstr' }),
  'connection.secure-ok': method(10, 21, { response: 'longstr' }),
  'connection.tune': method(10, 30, { channelMax: 'short', frameMax: 'long', heartbeat: 'short' }),
  'connection.tune-ok': method(10, 31, { channelMax: 'short', frameMax: 'long', heartbeat: 'short' }),
  'connection.open': method(10, 40, { virtualHost: 'shortstr', reserved1: 'shortstr', reserved2: 'bit' }),
  'connection.open-ok': method(10, 41, { reserved1: 'shortstr' }),
  'connection.close': method(10, 50, close),
  'connection.close-ok': method(10, 51, {}),
  'connection.blocked': method(10, 60, { reason: 'shortstr' }),
  'connection.unblocked': method(10, 61, {}),
  'connection.update-secret': method(10, 70, { newSecret: 'longstr', reason: 'shortstr' }),
  'connection.update-secret-ok': method(10, 71, {}),
  'channel.open': method(20, 10, { reserved1: 'shortstr' }),
  'channel.open-ok': method(20, 11, { reserved1: 'longstr' }),
  'channel.flow': method(20, 20, { active: 'bit' }),
  'channel.flow-ok': method(20, 21, { active: 'bit' }),
  'channel.close': method(20, 40, close),
  'channel.close-ok': method(20, 41, {}),
  'exchange.declare': method(40, 10, {
    reserved1: 'short',
    exchange: 'shortstr',
    type: 'shortstr',
    passive: 'bit',
    durable: 'bit',
    autoDelete: 'bit',
    internal: 'bit',
    nowait: 'bit',
    arguments: 'table',
  }),
  'exchange.declare-ok': method(40, 11, {}),
  'exchange.delete': method(40, 20, { reserved1: 'short', exchange: 'shortstr', ifUnused: 'bit', nowait: 'bit' }),
  'exchange.delete-ok': method(40, 21, {}),
  'exchange.bind': method(40, 30, {
    reserved1: 'short',
    destination: 'shortstr',
    source: 'shortstr',
    routingKey: 'shortstr',
    nowait: 'bit',
    arguments: 'table',
  }),
  'exchange.bind-ok': method(40, 31, {}),
  'exchange.unbind': method(40, 40, {
    reserved1: 'short',
    destination: 'shortstr',
    source: 'shortstr',
    routingKey: 'shortstr',
    nowait: 'bit',
    arguments: 'table',
  }),
  // 51, not 41: RabbitMQ's own number
  'exchange.unbind-ok': method(40, 51, {}),
  'queue.declare': method(50, 10, {
    reserved1: 'short',
    queue: 'shortstr',
    passive: 'bit',
    durable: 'bit',
    exclusive: 'bit',
    autoDelete: 'bit',
    nowait: 'bit',
    arguments: 'table',
  }),
  'queue.declare-ok': method(50, 11, { queue: 'shortstr', messageCount: 'long', consumerCount: 'long' }),
  'queue.bind': method(50, 20, {
    reserved1: 'short',
    queue: 'shortstr',
    exchange: 'shortstr',
    routingKey: 'shortstr',
    nowait: 'bit',
    arguments: 'table',
  }),
  'queue.bind-ok': method(50, 21, {}),
  'queue.purge': method(50, 30, { reserved1: 'short', queue: 'shortstr', nowait: 'bit' }),
  'queue.purge-ok': method(50, 31, { messageCount: 'long' }),
  'queue.delete': method(50, 40, {
    reserved1: 'short',
    queue: 'shortstr',
    ifUnused: 'bit',
    ifEmpty: 'bit',
    nowait: 'bit',
  }),
  'queue.delete-ok': method(50, 41, { messageCount: 'long' }),
  'queue.unbind': method(50, 50, {
    reserved1: 'short',
    queue: 'shortstr',
    exchange: 'shortstr',
    routingKey: 'shortstr',
    arguments: 'table',
  }),
  'queue.unbind-ok': method(50, 51, {}),
  'basic.qos': method(60, 10, { prefetchSize: 'long', prefetchCount: 'short', global: 'bit' }),
  'basic.qos-ok': method(60, 11, {}),
  'basic.consume': method(60, 20, {
    reserved1: 'short',
    queue: 'shortstr',
    consumerTag: 'shortstr',
    noLocal: 'bit',
    noAck: 'bit',
    exclusive: 'bit',
    nowait: 'bit',
    arguments: 'table',
  }),
  'basic.consume-ok': method(60, 21, { consumerTag: 'shortstr' }),
  'basic.cancel': method(60, 30, { consumerTag: 'shortstr', nowait: 'bit' }),
  'basic.cancel-ok': method(60, 31, { consumerTag: 'shortstr' }),
  'basic.publish': {
    ...method(60, 40, {
      reserved1: 'short',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      mandatory: 'bit',
      immediate: 'bit',
    }),
    content: true,
  },
  'basic.return': {
    ...method(60, 50, { replyCode: 'short', replyText: 'shortstr', exchange: 'shortstr', routingKey: 'shortstr' }),
    content: true,
  },
  'basic.deliver': {
    ...method(60, 60, {
      consumerTag: 'shortstr',
      deliveryTag: 'longlong',
      redelivered: 'bit',
      exchange: 'shortstr',
      routingKey: 'shortstr',
    }),
    content: true,
  },
  'basic.get': method(60, 70, { reserved1: 'short', queue: 'shortstr', noAck: 'bit' }),
  'basic.get-ok': {
    ...method(60, 71, {
      deliveryTag: 'longlong',
      redelivered: 'bit',
      exchange: 'shortstr',
      routingKey: 'shortstr',
      messageCount: 'long',
    }),
    content: true,
  },
  'basic.get-empty': method(60, 72, { reserved1: 'shortstr' }),
  'basic.ack': method(60, 80, { deliveryTag: 'longlong', multiple: 'bit' }),
  'basic.reject': method(60, 90, { deliveryTag: 'longlong', requeue: 'bit' }),
  'basic.recover-async': method(60, 100, { requeue: 'bit' }),
  'basic.recover': method(60, 110, { requeue: 'bit' }),
  'basic.recover-ok': method(60, 111, {}),
  'basic.nack': method(60, 120, { deliveryTag: 'longlong', multiple: 'bit', requeue: 'bit' }),
  'confirm.select': method(85, 10, { nowait: 'bit' }),
  'confirm.select-ok': method(85, 11, {}),
  'tx.select': method(90, 10, {}),
  'tx.select-ok': method(90, 11, {}),
  'tx.commit': method(90, 20, {}),
  'tx.commit-ok': method(90, 21, {}),
  'tx.rollback': method(90, 30, {}),
  'tx.rollback-ok': method(90, 31, {}),
} as const satisfies Record<string, MethodSpec>;

export type MethodName = keyof typeof methods;

/** Class and method id in one number, as both lie in the first four bytes of a method frame's payload. */
export const methodKey = (classId: number, methodId: number): number => classId * 0x10000 + methodId;

export const keyOf = (name: MethodName): number => methodKey(methods[name].classId, methods[name].methodId);

export const methodNames: ReadonlyMap<number, MethodName> = new Map(
  (Object.keys(methods) as MethodName[]).map((name) => [keyOf(name), name]),
);

/** Basic's properties in flag order: bit 15 of the flags first. */
export const properties = [
  ['contentType', 'shortstr'],
  ['contentEncoding', 'shortstr'],
  ['headers', 'table'],
  ['deliveryMode', 'octet'],
  ['priority', 'octet'],
  ['correlationId', 'shortstr'],
  ['replyTo', 'shortstr'],
  ['expiration', 'shortstr'],
  ['messageId', 'shortstr'],
  ['timestamp', 'longlong'],
  ['type', 'shortstr'],
  ['userId', 'shortstr'],
  ['appId', 'shortstr'],
  ['reserved', 'shortstr'],
] as const satisfies readonly (readonly [string, ArgumentType])[];

export type PropertyName = (typeof properties)[number][0];

export const FRAME_METHOD = 1;
export const FRAME_HEADER = 2;
export const FRAME_BODY = 3;
export const FRAME_HEARTBEAT = 8;
export const FRAME_END = 0xce;
/** type, channel, size: what stands before a payload */
export const FRAME_HEAD = 7;
/** head and end octet: what a frame costs besides its payload; counted in frame_max */
export const FRAME_OVERHEAD = 8;
export const PROTOCOL_HEADER: Uint8Array = Uint8Array.of(0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1);
