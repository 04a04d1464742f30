import { type OtlpReceiver, type ReceivedSpan } from '../../testing/otlp.ts';
/** What sidecars and apps export, to be asked for by topic. */
export declare class Spans {
    readonly receiver: OtlpReceiver;
    private constructor();
    static start(): Promise<Spans>;
    /** Environment of a sidecar, or of an app with an SDK, that exports here without delay. */
    from(service: string, env?: Record<string, string>): Record<string, string>;
    /** So far, from sidecars. */
    of(topic: string): ReceivedSpan[];
    /** Waits for so many of the topic at least; all there are then, in the order of their starts. */
    all(topic: string, count: number): Promise<ReceivedSpan[]>;
    stop(): Promise<void>;
}
