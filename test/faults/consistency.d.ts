/** What the apps of a run know by themselves. */
export interface Known {
    /** publishes handed to amqplib, repetitions too */
    attempts: number;
    acked: number;
    nacked: number;
    /** attempts whose connection or channel ended first */
    unanswered: number;
    /** deliveries that came, and those that were acked */
    delivered: number;
    settled: number;
    /** distinct messages that were published until they were acked, and that were consumed */
    published: Set<number>;
    consumed: Set<number>;
    /** connections that ended without the app's doing */
    broken: number;
}
/** Publishes ids until `over`, each again and again until it is acked, on a new connection whenever one ends. */
export declare function produce(url: string, queue: string, ids: () => number, over: () => boolean, known: Known): Promise<void>;
/** Consumes until `over`; a message that comes again is acked and not consumed again. */
export declare function consume(url: string, queue: string, over: () => boolean, known: Known): Promise<void>;
