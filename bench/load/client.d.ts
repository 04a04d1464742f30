import { type Socket } from 'node:net';
/** What comes in once the connection is open. */
export interface Incoming {
    /** a message arrived; its body lies at buf[start, end) if `wantsBody` */
    delivered?(buf: Buffer, start: number, end: number): void;
    confirmed?(tag: number, multiple: boolean): void;
    /** all that was read at once has been dealt with */
    chunkEnd?(): void;
}
/**
 * As little of an AMQP client as it takes to be fast: one channel, no codec, frames made beforehand.
 * A body is expected to fit into one frame.
 */
export declare class Client {
    #private;
    readonly socket: Socket;
    incoming: Incoming;
    constructor(port: number, wantsBody: boolean);
    /** Opens connection and channel 1. */
    open(): Promise<this>;
    /** Sends a request; resolves with the answer that is named. */
    call(request: Uint8Array, classId: number, methodId: number): Promise<void>;
    /** From now on an error of the connection goes there. */
    onError(failed: (error: Error) => void): void;
    close(): Promise<void>;
}
