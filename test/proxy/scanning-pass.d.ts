import { type Scenery } from './scanning-config.ts';
import { type Frame } from './scanning-frames.ts';
export type Side = 'app' | 'broker';
export type Step = 
/** `cut` of the last bytes come with the next ones of this side */
{
    do: 'say';
    by: Side;
    frames: readonly Frame[];
    cut: number;
} | {
    do: 'wait';
    ms: number;
} | {
    do: 'reload';
    scenery: Scenery;
} | {
    do: 'slow';
    side: Side;
    on: boolean;
}
/** all tables of routes are aged, as names come and go */
 | {
    do: 'age';
};
export interface Scenario {
    scenery: Scenery;
    plugin: string | undefined;
    sampler: string | undefined;
    frameMax: number;
    brokerVersion: string;
    /** channel 1 is in this mode when the steps begin */
    mode: 'plain' | 'confirm' | 'tx';
    noAck: boolean;
    steps: readonly Step[];
}
/** What a socket reads at once, of what the other side says at once. */
export type Cutting = (bytes: Buffer) => Buffer[];
export interface Outcome {
    /** as far as they got with each step */
    toBroker: string[];
    toApp: string[];
    counted: string[];
    told: string[];
}
/** The whole of a scenario, with time and chance in the test's hands. */
export declare function pass(scenario: Scenario, cutting: Cutting): Promise<Outcome>;
