import type { RabbitMQ } from '../../testing/rabbitmq.ts';
import { type Tracehare } from '../../testing/tracehare.ts';
export interface Oddities {
    sidecar: Tracehare;
    /** Does every rare thing once more; what it leads to shows with the next scrape. */
    again(): Promise<void>;
    /** Makes the broker block whoever publishes, for a moment. */
    block(): Promise<void>;
    stop(): Promise<void>;
}
/** A sidecar to which things happen that are rare. The broker is its own: it is made to block. */
export declare function startOddities(broker: RabbitMQ): Promise<Oddities>;
