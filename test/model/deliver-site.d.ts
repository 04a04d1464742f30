import { Ledger } from './deliver-ledger.ts';
export interface Settings {
    /** file with the rule that the queue `kept` dead-letters */
    config: string;
    window: number;
    sampler: 'parentbased_always_off' | 'always_on';
    /** at a settlement of a tag that is not open the broker closes the channel; or it reads on */
    broker: 'strict' | 'tolerant';
}
/** The data plane between two sockets, and beside it the ledger, which is told of what passes in the same order. */
export declare class Site {
    #private;
    readonly ledger: Ledger;
    /** what was done, for whoever reads a counterexample */
    readonly log: string[];
    /** A connection with channel 1 open. */
    constructor({ window, config, sampler }: Settings);
    end(): void;
    pass(ms: number): void;
    /** The wall now, microseconds. */
    micros(): number;
    /** Compares all counts. */
    look(): Promise<void>;
    compareTold(): void;
    fromApp(what: string, ...frames: Buffer[]): void;
    fromBroker(what: string, frames: Buffer[], inCrumbs?: boolean): void;
    kernel(takes: 'nothing' | 'some' | 'all'): void;
    /** A FIN: the app says nothing more, and reads on. */
    appEnds(): void;
    /** The socket of one side is gone, as Node leaves it. */
    gone(side: 'app' | 'broker', withAnError: boolean): void;
}
