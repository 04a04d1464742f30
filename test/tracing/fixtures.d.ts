import type { ConnectionIdentified, ConnectionOpened, DeliveryEnded, PublishEnded } from '../../src/events/lifecycle.ts';
import { type SpanSink, type SpanSinkOptions } from '../../src/telemetry/export/sink.ts';
export declare const TRACE = "0af7651916cd43dd8448eb211c80319c";
export declare const SPAN = "b7ad6b7169203331";
export declare const PARENT = "00f067aa0ba902b7";
/** Microseconds since the epoch, with a part that milliseconds would lose. */
export declare const START = 1790000000123457;
export declare const END: number;
export declare function publish(changes?: Partial<PublishEnded>): PublishEnded;
export declare function delivery(changes?: Partial<DeliveryEnded>): DeliveryEnded;
export declare function opened(changes?: Partial<ConnectionOpened>): ConnectionOpened;
export declare function identified(changes?: Partial<ConnectionIdentified>): ConnectionIdentified;
export interface LogLine {
    level: string;
    message: string;
    fields: unknown;
}
/** A log that remembers. */
export declare function recordingLog(): {
    lines: LogLine[];
    error: (first: unknown, second?: unknown) => void;
    warn: (first: unknown, second?: unknown) => void;
    info: (first: unknown, second?: unknown) => void;
    debug: (first: unknown, second?: unknown) => void;
    trace: (first: unknown, second?: unknown) => void;
};
/** A sink whose environment is `env` alone, as far as OTEL_* goes; shut down after the test. */
export declare function startSink(env: Record<string, string>, options?: Partial<Omit<SpanSinkOptions, 'env'>>): Promise<SpanSink & {
    lines: LogLine[];
}>;
