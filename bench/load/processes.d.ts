/** Microseconds of CPU of all its threads so far, from the scheduler's own count of nanoseconds. */
export declare function cpuTime(pid: number): number;
/** From now on its peak counts anew. */
export declare function resetPeak(pid: number): void;
/** MiB of resident memory at the peak. */
export declare const peakRss: (pid: number) => number;
/** MiB of resident memory. */
export declare const rss: (pid: number) => number;
