import { NullSocket } from '../../testing/plane-rig.ts';
/** A socket that leads nowhere, but is paused, slow and ended as one of Node's is. */
export declare class ScannedSocket extends NullSocket {
    #private;
    /** all that was written, in order */
    readonly written: Buffer[];
    write(bytes: Uint8Array, written?: () => void): boolean;
    /** The kernel takes all there is, and is no longer slow. */
    takeAll(): void;
    receive(chunk: Uint8Array): void;
    pause(): this;
    resume(): this;
    end(): this;
    destroy(): this;
    resetAndDestroy(): this;
    destroySoon(): void;
}
