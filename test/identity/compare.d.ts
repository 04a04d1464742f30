import { type Entry } from '../../testing/wire.ts';
/** bytes of `x-tracehare-sent` and `traceparent` as entries of a table that is there */
export declare const OURS: number;
export interface Added {
    /** entries behind the app's own */
    sent: number;
    traceparent: number;
}
export declare const isStamp: ({ key }: Entry) => boolean;
/** The value that an app gave its last stamp is too large to be kept for a return: so it stays. */
export declare const isForeign: (stamp: Entry | undefined) => boolean;
/**
 * What an app wrote against what a broker got through Tracehare: the same frames in the same order,
 * byte by byte, but for our entries in the headers of publishes, which every one has that would not
 * exceed `frameMax` with them. Returns how many were added.
 */
export declare function checkUpstream(app: Buffer, broker: Buffer, frameMax?: number): Added;
/**
 * What a broker wrote against what the app got: the same bytes, but for the headers of returned
 * messages, from which ours are gone. Returns how many were taken out.
 */
export declare function checkDownstream(broker: Buffer, app: Buffer): Added;
/** Content headers of returned messages, in order. */
export declare function returnedHeaders(bytes: Buffer): Buffer[];
/** Content headers of publishes sent as mandatory, in order. */
export declare function mandatoryHeaders(bytes: Buffer): Buffer[];
