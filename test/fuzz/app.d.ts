import type { Ledger } from './ledger.ts';
import type { Action } from './operations.ts';
/** An app that says legal and illegal things, and keeps in its ledger what it sent and got. */
export declare class App {
    #private;
    isOpen: boolean;
    private constructor();
    static open(port: number, vhost: string, ledger: Ledger): Promise<App>;
    /** Does it on a channel, which is opened first if need be, and sees what comes of it unless in a hurry. */
    perform(number: number, action: Action, hurry: boolean): Promise<void>;
    /** Waits until the broker has done all that was sent, by a request on every channel that has something on its way. */
    settle(): Promise<void>;
    /** Whether this channel is open. */
    has(number: number): boolean;
    /** Whatever it was doing: the next run must not meet it. */
    drop(): void;
    /** In order, and reads on until the broker has answered. */
    close(): Promise<void>;
    cut(): Promise<void>;
}
