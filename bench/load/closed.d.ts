import type { LoadSpec } from './load.ts';
/** A publisher and a consumer of one queue, as fast as the window between them allows. */
export declare class Pair {
    #private;
    published: number;
    consumed: number;
    constructor(spec: LoadSpec, index: number, messages: Buffer[]);
    open(failed: (error: Error) => void): Promise<void>;
    start(): void;
    /** Publishes no more. */
    stop(): void;
    close(): Promise<void>;
}
/** Enough different messages for the topics asked for, and for a whole write. */
export declare function encode(spec: LoadSpec, pair: number): Buffer[];
