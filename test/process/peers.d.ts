import { type Socket } from 'node:net';
export interface FakeBroker {
    port: number;
    /** connections it has accepted, in order */
    sockets: Socket[];
    /** the connection number `index`, once it is there */
    accepted(index: number): Promise<Socket>;
}
/** Accepts, half-open allowed, and leaves the rest to the test. */
export declare function fakeBroker(): Promise<FakeBroker>;
/** A port that accepts a few connections into its backlog and then nothing: a connect to it hangs. */
export declare function blackHole(): Promise<number>;
