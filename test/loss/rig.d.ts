import { type Channel, type ChannelModel } from 'amqplib';
import { type RabbitMQ } from '../../testing/rabbitmq.ts';
import { type Tracehare } from '../../testing/tracehare.ts';
import { type Vhost } from '../../testing/vhost.ts';
export type Mode = 'off' | 'returns' | 'confirms';
export declare const MODES: Mode[];
/** A figure of each kind that is not 0, e.g. `publish lost unroutable`. */
export type Figures = Record<string, number>;
/** What `GET /api/losses` must name a loss by. */
export interface Named {
    exchange: string;
    routingKey: string;
    queue: string;
    reason: string;
    traceId: string;
}
/** A sidecar in one mode, and the truth behind it. */
export interface Rig {
    mode: Mode;
    sidecar: Tracehare;
    vhost: Vhost;
    /** with `ownBroker` only */
    own: RabbitMQ;
    /** through the sidecar */
    open(clientProperties?: Record<string, string>): Promise<ChannelModel>;
    /** past it, for what the test does and looks at by itself */
    aside(): Promise<Channel>;
    /** All figures of these topics, once every connection through the sidecar has ended. */
    figures(...topics: string[]): Promise<Figures>;
    /** Losses of these topics in the order in which they were found; asked after `figures`. */
    losses(...topics: string[]): Promise<Named[]>;
    /** Empties the queue past the sidecar: bodies, in order. */
    stored(queue: string): Promise<string[]>;
}
export interface RigOptions {
    modes?: Mode[];
    /** text of the YAML file */
    config?: string;
    /** a broker that all modes share and nobody else uses; lines of its rabbitmq.conf */
    ownBroker?: string[];
    env?: Record<string, string>;
}
/** Runs the rows against a sidecar of each mode in a vhost of its own. */
export declare function inModes(rows: (rig: Rig) => void, options?: RigOptions): void;
/** A context of the test's own, every other one not sampled: losses are named all the same. */
export declare function context(): {
    traceId: string;
    headers: {
        traceparent: string;
    };
};
/** By trace id, so that two lists can be compared. */
export declare const sorted: (named: Named[]) => Named[];
/** A name nobody else uses, and no part of which is folded away. */
export declare const unique: (stem: string) => string;
/** The name of an app that is no other's. In letters: names that differ by digits alone are instances of one app. */
export declare const uniqueApp: () => string;
