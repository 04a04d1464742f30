import { type Socket } from 'node:net';
import { type Tracehare } from '../../testing/tracehare.ts';
/** One end of a connection through the sidecar, as a test moves it. */
export declare class End {
    #private;
    readonly socket: Socket;
    count: number;
    /** the other side has ended */
    ended: boolean;
    closed: boolean;
    constructor(socket: Socket);
    get received(): Buffer;
}
/** Both ends of one connection. */
export interface Pair {
    app: End;
    broker: End;
}
/** A sidecar between apps and a broker that are both the test itself. */
export declare class Bench {
    #private;
    readonly sidecar: Tracehare;
    private constructor();
    static start(args?: string[]): Promise<Bench>;
    stop(): Promise<void>;
    /**
     * Opens a connection. Only one at a time is being opened, so that it is known which two ends
     * belong together.
     */
    open(): Promise<Pair>;
    write(from: keyof Pair, pair: Pair, bytes: Uint8Array): void;
    /** The sidecar has read all that was written: what is written now comes to it as another chunk. */
    read(): Promise<void>;
    /** The app logs in and opens channels 1 and 2 (`opened`), and the broker lets it in (`openOk`). */
    letIn(pair: Pair, frameMax?: number): Promise<void>;
    /** Ends the app's side, then the broker's; resolves with what each has received. */
    finish({ app, broker }: Pair): Promise<{
        atBroker: Buffer;
        atApp: Buffer;
    }>;
    /**
     * Plays app and broker, each in pieces (cut at the positions given, ascending), on one
     * connection per plan, all at once; the sidecar gets each piece as a chunk of its own. The broker lets
     * the app in when it has asked for that, and says all else when the app has said everything.
     */
    play(bytes: {
        app: Buffer;
        broker: Buffer;
    }, plans: readonly {
        app: readonly number[];
        broker: readonly number[];
    }[]): Promise<{
        atBroker: Buffer;
        atApp: Buffer;
    }[]>;
}
/** Every connection of the test is known to the sidecar as one that it did, or did not, read. */
export declare function expectUnobserved(sidecar: Tracehare, reasons: Record<string, number>): Promise<void>;
