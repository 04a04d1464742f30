import { Exposition, type ExpositionOptions } from '../../src/telemetry/exposition/exposition.ts';
import { Recorder, type RecorderOptions } from '../../src/telemetry/recording/recorder.ts';
import { Metrics } from '../../testing/metrics.ts';
export declare const SHAPE: {
    buckets: {
        latency: number[];
        confirm: number[];
        processing: number[];
    };
    openTelemetryNames: boolean;
};
/** All of what a scraper gets. */
export declare function textOf({ body }: {
    body: AsyncIterable<string>;
}): Promise<string>;
export type RigOptions = Partial<RecorderOptions> & Pick<Partial<ExpositionOptions>, 'now' | 'server'>;
/** An Exposition that reads one Recorder, and more of them when asked. */
export declare function rig(options?: RigOptions): {
    recorder: Recorder;
    detach: () => void;
    exposition: Exposition;
    thread: () => {
        recorder: Recorder;
        detach: () => void;
    };
    scrape(accept?: string): Promise<Metrics>;
};
