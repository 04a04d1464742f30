import { type Socket } from 'node:net';
import { type Entry } from './wire.ts';
export interface Message {
    exchange: string;
    key: string;
    body?: Buffer | string;
    mandatory?: boolean;
    immediate?: boolean;
    persistent?: boolean;
    headers?: Entry[];
}
/** A whole publish as its frames: bodies of up to a frame. */
export declare function publish(channel: number, message: Message): Buffer;
export interface RawOptions {
    port: number;
    vhost: string;
    user?: string;
    password?: string;
    properties?: Entry[];
}
/** An AMQP client that says what it is told to, byte by byte, and shows every frame that comes. */
export declare class RawClient {
    readonly socket: Socket;
    /** frames that came and were not yet taken, heartbeats left out */
    readonly frames: Buffer[];
    ended: boolean;
    /** behind the last whole frame */
    rest: Buffer;
    private constructor();
    /** Opens a connection and `channels` channels, numbered from 1. */
    static open({ port, vhost, user, password, properties }: RawOptions, channels?: number): Promise<RawClient>;
    send(...frames: Buffer[]): void;
    /** The next frame, whatever it is. */
    next(): Promise<Buffer>;
    /** The next frame, which must be this method. */
    take(classId: number, methodId: number): Promise<Buffer>;
    /** A request and its answer, before which nothing else may come. */
    call(request: Buffer, classId: number, methodId: number): Promise<Buffer>;
    /** connection.close in order; what else comes before its answer is left in `frames`. */
    close(): Promise<void>;
}
/** `class.method` of a method frame, `header` or `body`. */
export declare function nameOf(frame: Buffer): string;
/** Whole requests in bytes, for channels of a RawClient. */
export declare const request: {
    confirmSelect: (channel: number, nowait?: boolean) => Buffer<ArrayBufferLike>;
    txSelect: (channel: number) => Buffer<ArrayBufferLike>;
    txCommit: (channel: number) => Buffer<ArrayBufferLike>;
    txRollback: (channel: number) => Buffer<ArrayBufferLike>;
    /** not passive, durable, exclusive, auto-delete, nowait */
    declare: (channel: number, queue: string, args?: Entry[]) => Buffer<ArrayBufferLike>;
    openChannel: (channel: number) => Buffer<ArrayBufferLike>;
    closeChannel: (channel: number) => Buffer<ArrayBufferLike>;
    closeConnection: () => Buffer<ArrayBufferLike>;
    consume: (channel: number, queue: string, tag: string, noAck?: boolean) => Buffer<ArrayBufferLike>;
};
