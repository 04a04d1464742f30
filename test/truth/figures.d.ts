import type { Metrics } from '../../testing/metrics.ts';
/** Counts by sample, `name{label="value",…}` with the labels in order. */
export type Figures = Map<string, number>;
export declare function sampleOf(name: string, labels: Record<string, string>): string;
/** What is the same for all messages of a test. */
export interface Setting {
    pipeline: string;
    serverPort: number;
}
/** Message counts as a test makes them by itself, under the names that a sidecar exposes them by (docs/metrics.md). */
export declare class Count {
    #private;
    readonly figures: Figures;
    constructor(setting: Setting);
    published(topic: string, size: number): void;
    /** `reason`: '' is success, else why it failed */
    publishEnded(topic: string, reason?: string): void;
    publishUnknown(topic: string, reason: string): void;
    confirmed(topic: string): void;
    delivered(topic: string, size: number, { redelivered, got, deadLettered }: Delivered): void;
    autoAcked(topic: string): void;
    acked(topic: string, queue: string): void;
    rejected(topic: string, queue: string, lost?: boolean): void;
    /** Given back to a queue that dead-letters it instead. */
    overLimit(topic: string, queue: string): void;
    requeued(topic: string, reason: string): void;
    deadLettered(topic: string, queue: string, reason: string): void;
    add(figures: Figures): void;
}
export interface Delivered {
    redelivered: boolean;
    got: boolean;
    /** carries x-death */
    deadLettered?: boolean;
}
/** Every count of messages that a sidecar exposes, but for zeros and for what time decides. */
export declare function figuresOf(metrics: Metrics): Figures;
/** For a readable comparison: sorted, as an object. */
export declare const sorted: (figures: Figures) => Record<string, number>;
