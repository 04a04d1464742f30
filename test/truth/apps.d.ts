import type { Socket } from 'node:net';
import { type Channel, type ChannelModel, type ConfirmChannel } from 'amqplib';
import { Count, type Setting } from './figures.ts';
/** One client connection through the sidecar, and what it knows of its own messages. */
export declare class App {
    readonly count: Count;
    readonly model: ChannelModel;
    /** killed, or closed in order */
    closed: boolean;
    killed: boolean;
    /** settles nothing any more */
    hoarding: boolean;
    readonly gone: Promise<unknown>;
    private constructor();
    static open(url: string, setting: Setting): Promise<App>;
    get socket(): Socket;
    channel(): Promise<Channel>;
    confirmChannel(): Promise<ConfirmChannel>;
    /** By FIN (the kernel makes it a reset if something was not read) or a reset; in the middle of a message on channel `inside`. */
    kill(how: 'FIN' | 'RST', inside?: number): void;
}
export interface Destination {
    exchange: string;
    routingKey: string;
    /** the name under which its messages are counted */
    topic: string;
}
/** Publishes messages from..to on one channel, or fewer if they are more than `limit` bytes; resolves with the next. */
export declare function publish(app: App, channel: Channel, { exchange, routingKey, topic }: Destination, from: number, to: number, limit?: number): Promise<number>;
/** What became of each message at its consumers. */
export declare class Arrivals {
    readonly seen: Set<number>;
    take(message: {
        content: Buffer;
        properties: {
            messageId?: string;
        };
    }): void;
}
export interface Consuming {
    queue: string;
    /** of a message, by how it was published */
    topicOf(fields: {
        exchange: string;
        routingKey: string;
    }): string;
    prefetch: number;
    /** `batch`: many at once with `multiple`; `single`: each by itself; `auto`: the broker settles; `never`: nobody */
    settling: 'single' | 'batch' | 'auto' | 'never';
    arrivals: Arrivals;
    seed: number;
}
/** A consumer on a channel of its own, which settles in every way there is. Messages go back only once. */
export declare class Consumer {
    #private;
    private constructor();
    static start(app: App, how: Consuming): Promise<Consumer>;
    /** Settles what waits for company that does not come; call now and then. */
    settleRest(): void;
    /** Closes the channel over its open deliveries, once there are as many as there can be; false if there are not. */
    closeFull(): Promise<boolean>;
}
/** Gets until the queue is empty, settling each in another way. */
export declare function getAll(app: App, channel: Channel, queue: string, arrivals: Arrivals): Promise<void>;
