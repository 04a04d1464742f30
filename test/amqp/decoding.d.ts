import { FrameDecoder, type FrameVisitor } from '../../src/amqp/frames.ts';
/** How a side opens: an app with a protocol header; a broker with a frame, or with a header if it refuses. */
export type Opening = 'header' | 'frame';
export declare const observed: Set<number>;
export type Kind = 'method' | 'header' | 'body' | 'raw';
/** One call, or for bodies and raw bytes all that belongs together: how the bytes were cut must not matter. */
export interface Heard {
    kind: Kind;
    key?: number;
    channel?: number;
    payload?: number;
    bytes: string;
}
/** A visitor that writes everything down. */
export declare class Recorder implements FrameVisitor {
    #private;
    readonly calls: Heard[];
    readonly lostBecause: string[];
    /** calls there were when framing was lost */
    callsBeforeLoss: number;
    bytesOut: number;
    onCall: (count: number) => void;
    method(key: number, channel: number, buf: Uint8Array, start: number, end: number): void;
    header(channel: number, buf: Uint8Array, start: number, end: number): void;
    body(channel: number, payload: number, buf: Uint8Array, start: number, end: number): void;
    raw(buf: Uint8Array, start: number, end: number): void;
    lost(why?: 'protocol' | 'frame'): void;
    get bytes(): Buffer;
    /** Pieces put together: a body's up to its last, raw bytes that follow each other. */
    get heard(): Heard[];
}
/** What a decoder has to say of whole frames, by an independent reading of them. */
export declare function expected(opening: Buffer, frames: readonly Buffer[]): Heard[];
/** Bytes a decoder may hold back when it has seen `position` bytes of these frames, and must. */
export declare function heldBack(opening: Buffer, frames: readonly Buffer[], position: number): number;
/** Pushes `bytes` cut at `cuts` (ascending), each piece in a buffer that is overwritten afterwards. */
export declare function decode(bytes: Buffer, cuts: readonly number[], { opening, maxFrame, recorder, prepare, after, }?: {
    after?: ((_position: number, _recorder: Recorder, _decoder: FrameDecoder) => void) | undefined;
    maxFrame?: number | undefined;
    opening?: Opening | undefined;
    prepare?: ((_decoder: FrameDecoder) => void) | undefined;
    recorder?: Recorder | undefined;
}): Recorder;
export declare const everyByte: (length: number) => number[];
export declare const app: (...frames: Buffer[]) => Buffer;
