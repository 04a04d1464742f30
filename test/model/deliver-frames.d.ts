import { type Entry } from '../../testing/wire.ts';
import type { Delivery } from './deliver-ledger.ts';
import type { Message } from './deliver-operations.ts';
export declare const app: {
    channelOpen: (channel: number) => Buffer<ArrayBufferLike>;
    channelClose: (channel: number) => Buffer<ArrayBufferLike>;
    channelCloseOk: (channel: number) => Buffer<ArrayBufferLike>;
    close: Buffer<ArrayBufferLike>;
    closeOk: Buffer<ArrayBufferLike>;
    declare: (channel: number, queue: string, args: Entry[], nowait: boolean) => Buffer<ArrayBufferLike>;
    delete: (channel: number, queue: string, nowait: boolean) => Buffer<ArrayBufferLike>;
    consume: (channel: number, queue: string, tag: string, noAck: boolean, nowait: boolean, args?: Entry[]) => Buffer<ArrayBufferLike>;
    cancel: (channel: number, tag: string, nowait: boolean) => Buffer<ArrayBufferLike>;
    get: (channel: number, queue: string, noAck: boolean) => Buffer<ArrayBufferLike>;
    ack: (channel: number, tag: number, multiple: boolean) => Buffer<ArrayBufferLike>;
    reject: (channel: number, tag: number, requeue: boolean) => Buffer<ArrayBufferLike>;
    nack: (channel: number, tag: number, multiple: boolean, requeue: boolean) => Buffer<ArrayBufferLike>;
    qos: (channel: number) => Buffer<ArrayBufferLike>;
    recover: (channel: number, async: boolean) => Buffer<ArrayBufferLike>;
    tx: (channel: number, what: 'select' | 'commit' | 'rollback') => Buffer<ArrayBufferLike>;
};
export declare const broker: {
    channelOpenOk: (channel: number) => Buffer<ArrayBufferLike>;
    /** At no method of the app. */
    channelClose: (channel: number) => Buffer<ArrayBufferLike>;
    /** At an ack, reject or nack. */
    refuses: (channel: number, methodId: number) => Buffer<ArrayBufferLike>;
    channelCloseOk: (channel: number) => Buffer<ArrayBufferLike>;
    qosOk: (channel: number) => Buffer<ArrayBufferLike>;
    close: Buffer<ArrayBufferLike>;
    closeOk: Buffer<ArrayBufferLike>;
    declareOk: (channel: number, queue: string) => Buffer<ArrayBufferLike>;
    deleteOk: (channel: number) => Buffer<ArrayBufferLike>;
    consumeOk: (channel: number, tag: string) => Buffer<ArrayBufferLike>;
    cancel: (channel: number, tag: string) => Buffer<ArrayBufferLike>;
    cancelOk: (channel: number, tag: string) => Buffer<ArrayBufferLike>;
    getEmpty: (channel: number) => Buffer<ArrayBufferLike>;
    recoverOk: (channel: number) => Buffer<ArrayBufferLike>;
    txOk: (channel: number, what: 'select' | 'commit' | 'rollback') => Buffer<ArrayBufferLike>;
};
/** The trace context of a message is told from all others by `serial`. */
export declare const traceIdOf: (serial: number) => string;
export declare const parentOf: (serial: number) => string;
/** basic.deliver or basic.get-ok with its content, frame by frame. `micros`: the wall at the delivery. */
export declare function framesOf(delivery: Delivery, message: Message, serial: number, micros: number): Buffer[];
/**
 * The stamp of a message that is delivered now, and its x-death as it is then. One that was published with an old x-death
 * has a digest of that in its stamp, which is coarser for it.
 */
export declare function stampOf(message: Message, micros: number): {
    stamp: number | undefined;
    death: {
        queue: string;
        reason: string;
        died: 'before' | 'after';
        time: number;
    } | undefined;
};
