import type { DeliveryEnded } from '../../src/events/lifecycle.ts';
/** A message on its way to the app, and all that a sidecar can know of it. */
export interface Delivery {
    channel: number;
    tag: number;
    via: 'deliver' | 'get';
    consumerTag: string;
    /** which of the channel's consumers, 0 for a get: a tag may have been another's */
    consumer: number;
    queue: string;
    exchange: string;
    routingKey: string;
    noAck: boolean;
    redelivered: boolean;
    size: number;
    /** 'fresh': it has no context, and is sampled all the same */
    traceId: string;
    parentSpanId: string;
    traceState: string;
    sampled: boolean;
    messageId: string;
    correlationId: string;
    /** seconds since its publish; undefined: no Tracehare stamped it */
    age: number | undefined;
    /** the newest entry of its x-death, if it died since it was stamped, or nobody can tell; `time` in seconds */
    death: {
        queue: string;
        reason: string;
        time: number;
    } | undefined;
    /** out of a stream, 'new': published while its consumer was there, and not read before by it */
    stream: 'no' | 'new' | 'old';
    /** ms */
    at: number;
}
export type How = 'ack' | 'nack' | 'reject';
/** What is compared of a delivery.ended event. */
export type Told = Omit<DeliveryEnded, 'type' | 'connection' | 'pipeline' | 'startedAt' | 'endedAt' | 'fault'> & {
    /** ms since the start */
    from: number;
    to: number;
};
/** Settlements of one channel that the broker may not have read. */
interface Lately {
    since: number;
    until: number;
    /** an answer that was asked for behind them shows that they were read */
    closed: boolean;
    topics: string[];
}
export declare const topicOf: ({ exchange, routingKey }: {
    exchange: string;
    routingKey: string;
}) => string;
/** One series as a line of its own. */
export declare function series(name: string, labels: Record<string, string>): string;
export declare class Ledger {
    #private;
    readonly counts: Map<string, number>;
    now: number;
    /** the wall at the start, ms */
    start: number;
    /** `window`: deliveries followed on one channel. `deadLetters`: queues that a rule says to dead-letter. */
    constructor(window: number, deadLetters: string[]);
    /** What must have been told since the last call. */
    told(): Told[];
    /** Tags that the app may settle, the oldest first. */
    unsettled(channel: number): number[];
    /** All bytes of it have passed. */
    delivered(delivery: Delivery): void;
    /** The socket holds bytes that the kernel did not take. */
    fellBehind(): void;
    /** The kernel has taken all. */
    flushed(): void;
    /** basic.ack, basic.nack or basic.reject; with `multiple` all up to `tag`, or all (0). */
    settles(channel: number, how: How, tag: number, multiple: boolean, requeue: boolean, transactional: boolean): void;
    /** The app's settlements that wait for a commit; `commit` or `rollback` follows. */
    uncommitted(channel: number): {
        commit(): void;
        rollback(): void;
    };
    /** basic.recover: what the app has not settled goes back; what it settled still waits for its commit. */
    recovered(channel: number): void;
    /** The app asks for something on the channel; `answered` follows with what this returns. */
    asked(channel: number): Lately[];
    answered(channel: number, read: Lately[]): void;
    /** The broker closes the channel and does not say at what: what was settled last may not have been read. */
    crossed(channel: number): void;
    /** The broker cancelled a consumer: its deliveries go back, and their tags stay open. */
    cancelled(channel: number, consumer: number): void;
    channelEnded(channel: number, reason: 'channel_closed' | 'connection_closed'): void;
    /** The broker granted it, for a queue that has no messages and no consumers. */
    declared(queue: string, deadLetters: boolean, isStream: boolean): void;
    deleted(queue: string): void;
    isStream(queue: string): boolean | undefined;
    /** Both sockets are gone. `vanished`: the app went without a word. */
    connectionGone(vanished: boolean): void;
}
export {};
