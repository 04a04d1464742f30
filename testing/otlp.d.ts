export type AttributeValue = string | number | boolean | AttributeValue[];
export type Attributes = Record<string, AttributeValue>;
/** A span as it was received. Ids are lowercase hex, times nanoseconds since the epoch. */
export interface ReceivedSpan {
    traceId: string;
    spanId: string;
    /** '' for a root */
    parentSpanId: string;
    traceState: string;
    name: string;
    kind: 'INTERNAL' | 'SERVER' | 'CLIENT' | 'PRODUCER' | 'CONSUMER' | 'UNSPECIFIED';
    start: bigint;
    end: bigint;
    attributes: Attributes;
    events: {
        name: string;
        time: bigint;
        attributes: Attributes;
    }[];
    links: {
        traceId: string;
        spanId: string;
        attributes: Attributes;
    }[];
    status: {
        code: 'UNSET' | 'OK' | 'ERROR';
        message: string;
    };
    resource: Attributes;
    scope: string;
}
export interface OtlpReceiver {
    /** value for OTEL_EXPORTER_OTLP_ENDPOINT */
    url: string;
    /** grows as spans come */
    spans: ReceivedSpan[];
    /** export requests so far, answered or not */
    requests: number;
    /** From now on: milliseconds before each answer, or `hang` to answer never. */
    behave(how: number | 'hang'): void;
    close(): Promise<void>;
}
/** An OTLP/HTTP receiver for traces, http/protobuf and http/json, gzip or not. */
export declare function startOtlpReceiver(): Promise<OtlpReceiver>;
/** All that is in a request of protobuf, with what it leaves out because it is empty. */
export declare function contentOf(body: Uint8Array): Record<string, unknown>;
