/** What passed on one connection, in the order in which it came to the recorder. */
export interface Capture {
    chunks: {
        from: 'app' | 'broker';
        bytes: Buffer;
    }[];
    /** both sides have ended */
    ended: boolean;
}
export interface Recorder {
    port: number;
    /** one per connection, in the order of their opening */
    captures: Capture[];
    stop(): Promise<void>;
}
export declare const bytesFrom: (side: 'app' | 'broker', { chunks }: Capture) => Buffer;
/** A dumb pipe to 127.0.0.1:`port` that writes down what passes, both ways; `at` is the port it listens on. */
export declare function startRecorder(port: number, at?: number): Promise<Recorder>;
