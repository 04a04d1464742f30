import { type Channel, type ChannelModel, type ConfirmChannel, type ConsumeMessage, type GetMessage } from 'amqplib';
/** A connection that is closed when the test has finished, if it isn't by then. */
export declare function connection(url: string, options?: {}): Promise<ChannelModel>;
export declare function channel(url: string): Promise<Channel>;
/** Counting what a queue holds is only exact once the publishes are confirmed. */
export declare function confirmChannel(url: string): Promise<ConfirmChannel>;
/** Collects what a consumer gets; `null` stands for its cancellation by the broker. */
export declare function consumer(on: Channel, queue: string, options?: {}): Promise<{
    consumerTag: string;
    got: (ConsumeMessage | null)[];
    /** Resolves with the first `count` messages. */
    first(count: number): Promise<ConsumeMessage[]>;
}>;
export declare function get(on: Channel, queue: string, options?: {}): Promise<GetMessage>;
export declare const text: (message: {
    content: Buffer;
}) => string;
/** How the channel was closed: its error, once it has come. */
export declare function closeOf(on: Channel): Promise<Error & {
    code?: number;
}>;
