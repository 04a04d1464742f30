import { type RabbitMQ } from '../../testing/rabbitmq.ts';
import { type Vhost } from '../../testing/vhost.ts';
/** How a client reaches the broker. All ways have to show it the same. */
export interface Way {
    name: string;
    /** flags of the sidecar in between; undefined: none is */
    flags?: string[];
    /** to the broker of `tracehare demo`, which claims to be like RabbitMQ */
    demo?: true;
}
/** What a behaviour needs; complete once its tests run. */
export interface Broker {
    /** what the broker says it is */
    product: string;
    /** a vhost of its own, entered as guest */
    url: string;
    host: '127.0.0.1';
    port: number;
    vhost: Vhost;
    /** with `ownBroker` only: nobody else uses it */
    own: RabbitMQ;
    /**
     * The headers as the producer wrote them: without those that a sidecar adds, which are asserted
     * to be there, and asserted not to be there when nothing is in between. No headers count as none.
     */
    asSent(headers: object | null | undefined): Record<string, unknown>;
}
/** Registers tests of what only RabbitMQ has: the demo's broker does not claim it. */
export type OnRabbitMQ = (register: () => void) => void;
/**
 * Runs the same behaviours direct, through Tracehare in every loss mode, and against the demo's broker. The
 * expectations are literal, so the ways agree with each other because they agree with them. A way counts as passed
 * only if the sidecar has ended well too.
 */
export declare function bothWays(behaviours: (broker: Broker, onRabbitMQ: OnRabbitMQ) => void, { ownBroker }?: {
    ownBroker?: boolean | undefined;
}): void;
