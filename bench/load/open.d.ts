import type { LoadSpec } from './load.ts';
export interface OpenStart {
    spec: LoadSpec;
    /** nanoseconds of the monotonic clock at which message 0 is due */
    start: number;
    count: number;
}
