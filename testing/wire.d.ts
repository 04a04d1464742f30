/**
 * AMQP 0-9-1's bytes, written and read here a second time from the specification: a test that used
 * src/amqp for it would agree with its mistakes.
 */
export declare const METHOD = 1;
export declare const HEADER = 2;
export declare const BODY = 3;
export declare const HEARTBEAT = 8;
export declare const FRAME_END = 206;
export declare const PROTOCOL: Buffer<ArrayBuffer>;
export declare const AMQP_1_0: Buffer<ArrayBuffer>;
export declare const AMQP_1_0_SASL: Buffer<ArrayBuffer>;
export declare const u8: (value: number) => Buffer;
export declare function u16(value: number): Buffer;
export declare function u32(value: number): Buffer;
export declare function u64(value: number | bigint): Buffer;
export declare function short(value: string | Uint8Array): Buffer;
export declare function long(value: string | Uint8Array): Buffer;
/** A field of a table: `value` is what stands behind the type octet. */
export interface Entry {
    key: Buffer;
    type: string;
    value: Buffer;
}
export declare const entry: (key: string | Uint8Array, type: string, value: Buffer) => Entry;
export declare const string: (key: string, value: string) => Entry;
export declare const entryBytes: ({ key, type, value }: Entry) => Buffer;
export declare const table: (entries: readonly Entry[]) => Buffer;
/** Eight booleans at most, the first in the lowest bit. */
export declare const bits: (...values: boolean[]) => Buffer;
export declare const frame: (type: number, channel: number, payload: Uint8Array) => Buffer;
export declare const method: (channel: number, classId: number, methodId: number, ...args: Buffer[]) => Buffer;
export declare const body: (channel: number, payload: Uint8Array) => Buffer;
export declare const heartbeat: () => Buffer;
/** A content header in the parts that matter to a splice. */
export interface Header {
    channel: number;
    classId: number;
    weight: number;
    bodySize: bigint;
    /** flag words; all but the last have bit 0 set */
    flags: number[];
    /** content-type and content-encoding */
    before: Buffer;
    /** undefined: no table */
    entries: Entry[] | undefined;
    /** the properties behind the headers */
    after: Buffer;
}
export declare const header: (channel: number, bodySize: number | bigint, entries?: Entry[]) => Buffer;
export declare function encodeHeader(parts: Header): Buffer;
export declare function decodeHeader(bytes: Buffer): Header;
/** By their keys: the order in which RabbitMQ 4 hands out headers, whatever they were published in. */
export declare const sortedEntries: (entries: Entry[]) => Entry[];
export declare function sortedHeader(bytes: Buffer): Buffer;
export interface Stream {
    /** the eight bytes an app opens with; empty for a broker */
    opening: Buffer;
    frames: Buffer[];
    /** behind the last whole frame */
    rest: Buffer;
}
export declare function split(bytes: Buffer): Stream;
export declare const isMethod: (bytes: Buffer, classId: number, methodId: number) => boolean;
