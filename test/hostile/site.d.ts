import { Metrics } from '../../testing/metrics.ts';
import { app, broker } from '../../testing/peer-frames.ts';
import { type Rig } from '../../testing/plane-rig.ts';
export declare const KIB = 1024;
export declare const MIB: number;
type Side = 'app' | 'broker';
/** A connection of which one side, or both, want to do harm; what that costs is weighed. */
export declare class Site {
    #private;
    readonly rig: Rig;
    constructor(args?: string[], consume?: {
        tag: string;
        noAck: boolean;
    });
    /** Says so many frames, made one by one, as fast as they are read; `pause`: ms that pass with each chunk. */
    say(side: Side, count: number, frameOf: (i: number) => Uint8Array, pause?: number): Promise<void>;
    /** All that `side` has said reached the other one, as far as its length tells. */
    passedAsSaid(side: Side): boolean;
    /** Bytes that are kept because of what happens in `what`. */
    kept(what: () => Promise<void>): Promise<number>;
    /** What is counted. */
    metrics(): Promise<Metrics>;
    scrape(): Promise<string>;
}
export { app, broker };
