import type { Queue } from './operations.ts';
/** `gone` is no queue but an exchange that is not there. */
export type Name = Queue | 'gone';
export declare const NAMES: readonly Name[];
/** What the apps of one run know by themselves. */
export declare class Ledger {
    #private;
    readonly run: string;
    /** publishes that certainly went out on an open channel, and those that may have */
    readonly sure: Record<Name, number>;
    readonly unsure: Record<Name, number>;
    constructor(run: string);
    readonly nameOf: (name: Name) => string;
    /** A body that no other message has. */
    newBody(to: Name): string;
    published(to: Name, isSure: boolean): void;
    saw(body: string): void;
    /** How many messages the broker has had in its queue at some time. */
    stored(name: Name): number;
}
