import { type Channel, type Content, Ledger, type Mode, type Publish, type Route } from './ledger.ts';
import { type Message } from './message.ts';
/** Class and method of what the app asks for; the answer's method is the one behind it. */
export declare const NUMBERS: {
    readonly qos: readonly [60, 10];
    readonly 'confirm.select': readonly [85, 10];
    readonly 'tx.select': readonly [90, 10];
    readonly 'tx.commit': readonly [90, 20];
    readonly 'tx.rollback': readonly [90, 30];
    readonly close: readonly [20, 40];
};
export declare class Scene {
    #private;
    readonly ledger: Ledger;
    readonly routes: Route[];
    readonly messages: Map<Publish, Message>;
    /** by channel: tags that the broker has yet to confirm */
    readonly unconfirmed: Map<Channel, Set<number>>;
    /** the kernel takes nothing on its way to the broker */
    isSlow: boolean;
    /** the app may still say something */
    appSpeaks: boolean;
    appListens: boolean;
    brokerSpeaks: boolean;
    /** connection.close of the app has gone out */
    appHasClosed: boolean;
    constructor(loss: Mode, folder: string);
    openChannel(id: number): void;
    /** `piece`: bytes of what the app sends at once, 0: all. */
    publish(contents: readonly [Channel, Content][], piece: number): Message[];
    /** A frame that passes as it is. */
    appSays(frame: Buffer): void;
    /** The app closes a channel, or the connection (0); what it says goes when no confirm is awaited that only we wait for. */
    appCloses(id: number, frame: Buffer, gone: () => void): void;
    appEnds(): void;
    /** A frame that passes as it is. */
    brokerSays(frame: Buffer): void;
    block(blocked: boolean): void;
    confirm(channel: Channel, tag: number, multiple: boolean, ack: boolean): void;
    return(publish: Publish, piece: number): void;
    hasArrived(publish: Publish): boolean;
    pass(ms: number): void;
    slow(): void;
    flush(): void;
    cut(first: 'app' | 'broker'): void;
    /** Everything is settled; then each channel has room for as many open publishes as it may have, and no more. */
    finish(): Promise<void>;
    /** All that was written and told since the last time is what the ledger says. */
    check(): Promise<void>;
    /** Every counter is what the ledger says. */
    checkCounts(): Promise<void>;
    end(): void;
}
export declare const confirmSelect: (id: number, nowait: boolean) => Buffer;
/** The file that all scenes are configured with. */
export declare function configured(): {
    path: string;
    remove(): void;
};
