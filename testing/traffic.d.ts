import { type Channel, type ConsumeMessage } from 'amqplib';
export interface Truth {
    /** what was confirmed by the broker */
    published: number;
    /** what was delivered and acked */
    consumed: ConsumeMessage[];
}
export interface TrafficOptions {
    queue: string;
    messages: number;
    /** body of message `index`; its number as text by default */
    body?: (index: number) => Buffer;
    headers?: Record<string, unknown>;
}
/**
 * Declares the queue, publishes to it and consumes from it with one amqplib connection a side;
 * resolves when every message was confirmed, delivered and its ack has reached the broker. What it
 * returns is the truth that counters have to agree with.
 */
export declare function publishAndConsume(urls: string | {
    publish: string;
    consume: string;
}, { queue, messages, body, headers }: TrafficOptions): Promise<Truth>;
/** Acks what comes; resolves with the first `count` messages. */
export declare function consumeAll(channel: Channel, queue: string, count: number): Promise<ConsumeMessage[]>;
