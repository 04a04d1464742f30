import * as wire from './wire.ts';
export { PROTOCOL } from './wire.ts';
/** What an app says. Passive arguments are left at their defaults. */
export declare const app: {
    startOk: Buffer<ArrayBufferLike>;
    tuneOk: Buffer<ArrayBufferLike>;
    open: Buffer<ArrayBufferLike>;
    close: Buffer<ArrayBufferLike>;
    channelOpen: Buffer<ArrayBufferLike>;
    confirmSelect: Buffer<ArrayBufferLike>;
    qos: (prefetch: number) => Buffer<ArrayBufferLike>;
    exchangeDeclare: (name: string, type: string) => Buffer<ArrayBufferLike>;
    queueDeclare: (name: string) => Buffer<ArrayBufferLike>;
    queueDelete: (name: string) => Buffer<ArrayBufferLike>;
    queueBind: (queue: string, exchange: string, key: string) => Buffer<ArrayBufferLike>;
    consume: (queue: string, tag: string, noAck: boolean) => Buffer<ArrayBufferLike>;
    ack: (tag: number, multiple: boolean) => Buffer<ArrayBufferLike>;
};
/** What a broker says. */
export declare const broker: {
    start: Buffer<ArrayBufferLike>;
    tune: Buffer<ArrayBufferLike>;
    openOk: Buffer<ArrayBufferLike>;
    channelOpenOk: Buffer<ArrayBufferLike>;
    confirmSelectOk: Buffer<ArrayBufferLike>;
    consumeOk: (tag: string) => Buffer<ArrayBufferLike>;
    ack: (tag: number, multiple: boolean) => Buffer<ArrayBufferLike>;
};
/** Names and size of a message. `headers`: what the app itself put into the table. */
export interface Message {
    exchange: string;
    routingKey: string;
    body: number;
    headers?: wire.Entry[];
    mandatory?: boolean;
}
/** What a client that traces by itself sends. */
export declare const ownTraceparent: (sampled?: boolean) => wire.Entry;
/** Where the eight bytes of x-tracehare-sent stand in an entry made here. */
export declare const stamp: (micros: number) => wire.Entry;
/** What a publisher may add by itself: the fair comparisons for what Tracehare's additions cost the broker. */
export declare const added: Record<'nothing' | 'traceparent' | 'all', Pick<Message, 'headers' | 'mandatory'>>;
/** basic.publish with its content. The body's first 8 bytes are the last of the frame's payload but `body - 8`. */
export declare const publish: (message: Message) => Buffer;
/** basic.deliver with its content; `tagAt` bytes from its start stands the delivery tag. */
export declare const deliver: (message: Message, consumerTag: string, deliveryTag: number) => Buffer;
/** Offset of the delivery tag in a basic.deliver frame. */
export declare const deliveryTagAt: (consumerTag: string) => number;
