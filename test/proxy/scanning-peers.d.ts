/** What a broker and an app know of what was written to them, so that they can answer it. */
export declare class Peers {
    #private;
    /** Grows by `step`, as a broker's does; 0 gives the same again. */
    deliveryTag(channel: number, step: number): number;
    /** basic.ack (80) or basic.nack (120) of the next publish, or of all there are. */
    confirm(channel: number, methodId: number, multiple: boolean): Buffer;
    returns(): Buffer;
    brokerAnswers(): Buffer;
    appAnswers(): Buffer;
    /** Whole frames that the app got. */
    toApp(written: Buffer): void;
    /** Whole frames that the broker got. */
    toBroker(written: Buffer): void;
}
