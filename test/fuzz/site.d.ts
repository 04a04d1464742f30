import { type Operation } from './operations.ts';
export declare const MODES: readonly ['off', 'returns', 'confirms'];
export type Mode = (typeof MODES)[number];
export interface Broker {
    port: number;
    vhost: string;
    /** stops and starts taking publishes, as when its memory is used up */
    alarm?(on: boolean): Promise<void>;
}
/** A broker with a sidecar in front, on which runs are made one after the other. */
export declare class Site {
    #private;
    private constructor();
    static start(broker: Broker, mode: Mode): Promise<Site>;
    stop(): Promise<void>;
    /** Does all of it, and fails if the sidecar then says anything that the broker does not. */
    run(operations: readonly Operation[]): Promise<void>;
}
