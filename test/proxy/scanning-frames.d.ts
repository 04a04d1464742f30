import fc from 'fast-check';
import { type MethodName } from '../../src/amqp/spec.ts';
import type { Peers } from './scanning-peers.ts';
export type Frame = (peers: Peers) => Buffer;
export declare const CHANNELS: number[];
export declare const CONSUMERS: string[];
export interface Content {
    channel: number;
    exchange: string;
    routingKey: string;
    size: number;
    frames: number;
    headers: string;
    properties: readonly number[];
}
/** A whole publish. */
export declare const publish: (each: Content, mandatory: boolean) => Frame;
/** A whole delivery, its tag `step` behind the one before. */
export declare const deliver: (each: Content, consumer: string, redelivered: boolean, step?: number) => Frame;
export declare function plain(channel: number): Content;
/** `draw` decides on words and bits, `number` is in place of every number. */
export declare function encode(name: MethodName, channel: number, draw: number, number: number): Buffer;
/** One piece of what an app says. */
export declare const appFrames: fc.Arbitrary<readonly Frame[]>;
/** One piece of what a broker says. */
export declare const brokerFrames: fc.Arbitrary<readonly Frame[]>;
/** Of methods with content: all others are written by their arguments. */
export declare const withContent: readonly string[];
/** Headers that some message has. */
export declare const headerNames: ReadonlySet<string>;
