import { EventEmitter } from 'node:events';
import { type MessagePort } from 'node:worker_threads';
import type { LifecycleEvent } from '../src/events/lifecycle.ts';
import type { LoadedPlugin } from '../src/plugins/load.ts';
import { Connection } from '../src/proxy/connection/connection.ts';
import { Plane } from '../src/proxy/plane/plane.ts';
import type { Rule } from '../src/rules/rule.ts';
import { Recorder } from '../src/telemetry/recording/recorder.ts';
export { observedHeaders } from '../src/proxy/ports/interceptor.ts';
/** A socket whose kernel takes everything at once, unless it is told otherwise. */
export declare class NullSocket extends EventEmitter {
    /** calls of write so far, and their bytes */
    writes: number;
    bytesWritten: number;
    /** what was written last; valid until the next write */
    last: Uint8Array;
    /** the kernel takes nothing until `writableLength` is set */
    isSlow: boolean;
    writableLength: number;
    errored: Error | null;
    destroyed: boolean;
    readonly writable = true;
    writableEnded: boolean;
    readonly readableEnded = false;
    /** who waits for the kernel to take all */
    readonly waiting: (() => void)[];
    write(bytes: Uint8Array, written?: () => void): boolean;
    /** Hands a chunk to whoever reads this socket, as the kernel would. */
    receive(chunk: Uint8Array): void;
    pause(): this;
    resume(): this;
    end(): this;
    destroy(): this;
}
export interface RigOptions {
    /** flags of the sidecar, e.g. `['--loss', 'off']` */
    args?: string[];
    /** OTEL_* variables that rule sampling */
    env?: Record<string, string>;
    /** the text of a configuration file */
    file?: string;
    /** hooks of the user's */
    plugins?: readonly LoadedPlugin[];
    /** in place of the machine's clock; milliseconds, and those since the epoch as well */
    now?: () => number;
    sockets?: {
        app: NullSocket;
        broker: NullSocket;
    };
    /** in place of the file's, and faults are enabled */
    rules?: Rule[];
}
export interface Rig {
    /** what the app sends is received here, what it gets is written here */
    readonly app: NullSocket;
    readonly broker: NullSocket;
    readonly recorder: Recorder;
    /** where the recorder tells of its cells */
    readonly cells: MessagePort;
    readonly plane: Plane;
    readonly connection: Connection;
    /** Time passes, and a sweep if it is due. Milliseconds. */
    pass(ms: number): void;
    /** The text of another configuration file holds from the next message on. */
    configure(file: string): void;
    /** Reads all events in the ring. */
    events(): LifecycleEvent[];
    /** Forgets all events in the ring, as if they had been read. */
    emptyRing(): void;
    /** events the ring had no room for */
    dropped(): number;
}
export declare function createRig({ args, env, file, rules: given, plugins, now, sockets, }?: RigOptions): Rig;
/** As if all had been read: tail becomes head (src/events/ring.ts). */
export declare function emptyRing(memory: SharedArrayBuffer): void;
/** Opens the connection and channel 1, as a client and a broker would. */
export declare function handshake(rig: Rig, then?: {
    confirms?: boolean;
    consume?: {
        tag: string;
        noAck: boolean;
    };
}): void;
