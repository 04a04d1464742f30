import { contentFrames, type Field, methodFrame, type Sent } from '../../amqp/encode.ts';
import { MalformedError } from '../../amqp/fields.ts';
import { type Arguments, readMethod } from '../../amqp/methods.ts';
import { FRAME_HEAD, keyOf, type MethodName, methodNames } from '../../amqp/spec.ts';
import type { ChannelConsumer } from './channel-consumer.ts';
import { readArgumentTable } from './fields.ts';
import type { Content, Message } from './message.ts';
import { Properties } from './properties.ts';
import type { Queue } from './queue.ts';
import { Refusal } from './refusal.ts';
import { endAnswers } from './reply-to.ts';
import { Settlements } from './settlements.ts';
import { generated, type Vhost } from './vhost.ts';

/** What a channel needs of its connection. */
export interface ChannelConnection {
  readonly vhost: Vhost;
  readonly user: string;
  readonly frameMax: number;
  /** It wants to be told when a consumer's queue has gone. */
  readonly hearsOfCancels: boolean;
  /** Its client reads slower than it is written to. */
  readonly isCongested: boolean;
  send(frames: readonly Buffer[]): void;
}

/** What a handler gets beside the arguments: those of the method's own table, with their types. */
export type Handler<M extends MethodName> = (channel: Channel, args: Arguments<M>, table: Field[]) => void;
export type Handlers = { readonly [M in MethodName]?: Handler<M> };

export type PublishHandler = (channel: Channel, args: Arguments<'basic.publish'>, content: Content) => void;

/** A publish whose content has not come whole. */
interface Incoming {
  args: Arguments<'basic.publish'>;
  properties: Properties | undefined;
  expected: number;
  body: Buffer[];
  received: number;
}

/** RabbitMQ's own default. */
const LARGEST_BODY = 128 * 1024 * 1024;
const PUBLISH = keyOf('basic.publish');

export class Channel {
  readonly id: number;
  readonly connection: ChannelConnection;
  readonly #handlers: Handlers;
  readonly #publish: PublishHandler;
  readonly consumers = new Map<string, ChannelConsumer>();
  readonly settlements = new Settlements(this);
  #incoming: Incoming | undefined;
  /** the queue that the empty name means */
  lastQueue = '';
  /** of consumers to come */
  prefetch = 0;
  /** of all consumers together */
  globalPrefetch = 0;
  mode: 'plain' | 'confirm' | 'tx' = 'plain';
  /** publishes confirmed so far */
  confirmed = 0;
  /** publishes of an open transaction, in order */
  held: (() => void)[] = [];
  /** the name that answers to this channel are sent to, once it consumes them */
  replyName: string | undefined;
  replyTag = '';
  isEnded = false;

  constructor(id: number, connection: ChannelConnection, handlers: Handlers, publish: PublishHandler) {
    this.id = id;
    this.connection = connection;
    this.#handlers = handlers;
    this.#publish = publish;
  }

  get vhost(): Vhost {
    return this.connection.vhost;
  }

  /** `frame` is whole. Throws a Refusal or a MalformedError. */
  method(key: number, frame: Buffer): void {
    if (this.#incoming !== undefined) throw unexpected(this.#incoming);
    const name = methodNames.get(key);
    if (key === PUBLISH) {
      const args = decoded('basic.publish', frame);
      this.#incoming = { args, properties: undefined, expected: 0, body: [], received: 0 };
      return;
    }
    const handle = name && (this.#handlers[name] as Handler<MethodName> | undefined);
    if (name === undefined || handle === undefined) throw new Refusal('COMMAND_INVALID', 'unimplemented method');
    handle(this, decoded(name, frame) as never, readArgumentTable(name, frame));
  }

  /** `payload` of a content header. */
  header(payload: Buffer): void {
    const incoming = this.#incoming;
    if (incoming === undefined || incoming.properties !== undefined) throw unexpected(incoming);
    incoming.expected = Number(payload.readBigUInt64BE(4));
    if (incoming.expected > LARGEST_BODY) {
      const words = `message size ${incoming.expected} is larger than configured max size ${LARGEST_BODY}`;
      throw new Refusal('PRECONDITION_FAILED', words);
    }
    incoming.properties = Properties.read(Buffer.from(payload.subarray(12)));
    this.#endContent(incoming);
  }

  body(piece: Buffer): void {
    const incoming = this.#incoming;
    if (incoming?.properties === undefined) throw unexpected(incoming);
    incoming.body.push(Buffer.from(piece));
    incoming.received += piece.length;
    this.#endContent(incoming);
  }

  #endContent(incoming: Incoming): void {
    if (incoming.received < incoming.expected) return;
    this.#incoming = undefined;
    const content = { properties: incoming.properties as Properties, body: Buffer.concat(incoming.body) };
    this.#publish(this, incoming.args, content);
  }

  send<M extends MethodName>(name: M, args: Sent<M> = {}): void {
    this.connection.send([methodFrame(name, this.id, args)]);
  }

  sendContent<M extends MethodName>(name: M, args: Sent<M>, { properties, body }: Message): void {
    const content = contentFrames(this.id, properties.bytes, body, this.connection.frameMax);
    this.connection.send([methodFrame(name, this.id, args), ...content]);
  }

  /** The queue of that name; the empty one means the one declared last. */
  queue(name: string): Queue {
    return this.vhost.queue(this.queueName(name), this.connection);
  }

  queueName(name: string): string {
    if (name !== '') return name;
    if (this.lastQueue === '') throw new Refusal('NOT_FOUND', 'no previously declared queue');
    return this.lastQueue;
  }

  /** The tag of a new consumer: the one it asks for, or one made for it. */
  freeTag(asked: string): string {
    if (asked === '') return generated('amq.ctag');
    if (!this.consumers.has(asked) && this.replyTag !== asked) return asked;
    throw new Refusal('NOT_ALLOWED', `attempt to reuse consumer tag '${asked}'`);
  }

  /** Consumers may be ready again. */
  run(): void {
    for (const { queue } of this.consumers.values()) queue.run();
  }

  /** All that is open on it ends; nothing more is sent. */
  end(): void {
    this.isEnded = true;
    this.#incoming = undefined;
    this.held = [];
    endAnswers(this);
    this.settlements.rollBack();
    this.settlements.requeueAll();
    for (const consumer of this.consumers.values()) consumer.leave();
    this.consumers.clear();
  }
}

function decoded<M extends MethodName>(name: M, frame: Buffer): Arguments<M> {
  try {
    return readMethod(name, frame, 0, frame.length);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    throw new Refusal('FRAME_ERROR', `cannot decode <<${frame.subarray(FRAME_HEAD + 4, -1).join(',')}>>`);
  }
}

/** A frame of another kind than that which had to come next. */
function unexpected(incoming: Incoming | undefined): Refusal {
  if (incoming === undefined) return other('method frame', 'method', 0);
  if (incoming.properties === undefined) return other('content header for class 60', 'content header', PUBLISH);
  return other('content body', 'content body', PUBLISH);
}

const other = (expected: string, kind: string, method: number) =>
  new Refusal('UNEXPECTED_FRAME', `expected ${expected}, got non ${kind} frame instead`, method);
