export interface Sink {
    /** value for OTEL_EXPORTER_OTLP_ENDPOINT */
    url: string;
    /** bytes of bodies so far */
    received(): number;
    stop(): Promise<void>;
}
/**
 * An OTLP endpoint that takes everything and looks at nothing of it: what exporting costs the
 * exporter. Or one that never `answers`.
 */
export declare function startSink(answers?: boolean): Promise<Sink>;
