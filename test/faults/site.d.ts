import { type Tracehare } from '../../testing/tracehare.ts';
import { type Vhost } from '../../testing/vhost.ts';
/** A sidecar whose faults strike the messages of queues by name, and its vhost. */
export interface Site {
    vhost: Vhost;
    sidecar: Tracehare;
    /** through the sidecar */
    url: string;
    /** Empties the queue past the sidecar: bodies, in order. */
    stored(queue: string): Promise<string[]>;
    /** Publishes past the sidecar, and waits until it is there. */
    store(queue: string, bodies: string[]): Promise<void>;
    /** success, failed (all of them lost by a fault) and unknown of a topic, once they add up to `total`. */
    outcomes(topic: string, total: number): Promise<{
        success: number;
        fault: number;
        unknown: number;
    }>;
    stop(): Promise<void>;
}
/** `queues` are declared past the sidecar. */
export declare function startSite(queues: string[], config: string, args?: string[], env?: {}): Promise<Site>;
/** Rules that give each queue's publishes the faults of that name; YAML flow. */
export declare const rulesOf: (faults: Record<string, string>, side?: string) => string;
