import { publish, RawClient } from '../../testing/raw-client.ts';
import { type Entry } from '../../testing/wire.ts';
/** A RabbitMQ or the demo's broker, and a vhost of the same name on each. */
export interface Site {
  port: number;
  vhost: string;
}
export declare const newVhostName: () => string;
/** A client with channels 1 and 2 that writes down what it is told. */
export declare class Witness {
  readonly client: RawClient;
  private constructor();
  static open({ port, vhost }: Site, properties?: Entry[]): Promise<Witness>;
  /** All that comes on this request, up to the answer to one that is sent behind it, or to a close. */
  told(request: Buffer): Promise<string[]>;
  /** Sends a request that has an answer. */
  ask(request: Buffer, classId: number, methodId: number): Promise<string>;
  /** The next message of a queue, got with its method, header and body; waits until there is one. */
  got(queue: string, noAck?: boolean): Promise<string[]>;
  /** How many messages lie in a queue, and how many consumers it has. */
  counts(queue: string): Promise<string>;
  /** Waits until so many messages lie in a queue. */
  holds(queue: string, count: number): Promise<void>;
  /** The next content: a delivery or a return. */
  content(): Promise<string[]>;
  /** So many frames, of which RabbitMQ's parts send some in any order. */
  frames(count: number): Promise<string[]>;
  close(): Promise<void>;
}
export declare const declareQueue: (
  queue: string,
  args?: Entry[],
  flags?: ('durable' | 'exclusive' | 'autoDelete')[],
) => Buffer<ArrayBufferLike>;
export declare const queuePassive: (queue: string) => Buffer<ArrayBufferLike>;
export declare const declareExchange: (
  exchange: string,
  type: string,
  args?: Entry[],
  flags?: ('durable' | 'autoDelete' | 'internal')[],
) => Buffer<ArrayBufferLike>;
export declare const bind: (queue: string, exchange: string, key: string, args?: Entry[]) => Buffer<ArrayBufferLike>;
export declare const unbind: (queue: string, exchange: string, key: string, args?: Entry[]) => Buffer<ArrayBufferLike>;
export declare const bindExchange: (destination: string, source: string, key: string) => Buffer<ArrayBufferLike>;
export declare const deleteQueue: (queue: string, ifUnused?: boolean, ifEmpty?: boolean) => Buffer<ArrayBufferLike>;
export declare const deleteExchange: (exchange: string, ifUnused?: boolean) => Buffer<ArrayBufferLike>;
export declare const purge: (queue: string) => Buffer<ArrayBufferLike>;
export declare const basicGet: (queue: string, noAck?: boolean) => Buffer<ArrayBufferLike>;
export declare const consume: (
  queue: string,
  tag: string,
  {
    noAck,
    exclusive,
    args,
    channel,
  }?: {
    args?: Entry[] | undefined;
    channel?: number | undefined;
    exclusive?: boolean | undefined;
    noAck?: boolean | undefined;
  },
) => Buffer<ArrayBufferLike>;
export declare const cancel: (tag: string) => Buffer<ArrayBufferLike>;
export declare const qos: (count: number, global?: boolean, size?: number) => Buffer<ArrayBufferLike>;
export declare const ack: (tag: number, multiple?: boolean) => Buffer<ArrayBufferLike>;
export declare const nack: (tag: number, multiple?: boolean, requeue?: boolean) => Buffer<ArrayBufferLike>;
export declare const reject: (tag: number, requeue?: boolean) => Buffer<ArrayBufferLike>;
export declare const recover: (requeue?: boolean) => Buffer<ArrayBufferLike>;
export { publish };
