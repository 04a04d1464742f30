import { type Channel, type ChannelModel, type ConsumeMessage } from 'amqplib';
import { type Tracehare, type TracehareOptions } from '../../testing/tracehare.ts';
import type { Vhost } from '../../testing/vhost.ts';
/** What a test file has running: all of it ends with `stop`, what was started last first. */
export declare class Site {
    #private;
    readonly vhost: Vhost;
    constructor(vhost: Vhost);
    /** In front of the vhost's broker. `env` and the like as they are given. */
    sidecar(options?: TracehareOptions): Promise<Tracehare>;
    /** An app's connection, through whoever listens on the port. */
    connect(port: number, clientProperties?: Record<string, string>): Promise<ChannelModel>;
    channel(port: number): Promise<Channel>;
    stop(): Promise<void>;
}
/** Waits for the queue's next message and takes it without an ack. */
export declare function get(channel: Channel, queue: string): Promise<ConsumeMessage>;
/** Consumes the queue's next message and acks it. */
export declare function take(channel: Channel, queue: string): Promise<ConsumeMessage>;
/** As the message's header has it; undefined without one. */
export declare const traceparent: ({ properties }: ConsumeMessage) => string | undefined;
