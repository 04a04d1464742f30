import type { LoadSpec } from './load.ts';
export declare const pairsOf: ({ connections }: LoadSpec) => number;
export declare const queueOf: (pair: number) => string;
/** All names equally long, so that all messages are. */
export declare function exchangeOf({ topics }: LoadSpec, topic: number): string;
/** Declares at the broker itself what the load needs; what an earlier load left is emptied. */
export declare function prepare(spec: LoadSpec): Promise<void>;
/** Takes the queues away again; the exchanges serve the next load. */
export declare function clear(spec: LoadSpec): Promise<void>;
