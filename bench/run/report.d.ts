import { type Results } from './samples.ts';
export declare const figures: {
    throughput: ({ messagesPerSecond }: import("../load/load.ts").LoadResult) => number;
    proxyCpu: ({ cpu }: import("../load/load.ts").LoadResult) => number;
    brokerCpu: ({ cpu }: import("../load/load.ts").LoadResult) => number;
    loadCpu: ({ cpu }: import("../load/load.ts").LoadResult) => number;
    proxyRss: ({ peakRss }: import("../load/load.ts").LoadResult) => number;
    loadRss: ({ peakRss }: import("../load/load.ts").LoadResult) => number;
    p50: ({ latency }: import("../load/load.ts").LoadResult) => number | undefined;
    p99: ({ latency }: import("../load/load.ts").LoadResult) => number | undefined;
    max: ({ latency }: import("../load/load.ts").LoadResult) => number | undefined;
    p999: ({ latency }: import("../load/load.ts").LoadResult) => number | undefined;
};
export interface Table {
    title: string;
    head: string[];
    rows: string[][];
}
/** A table for every load of every suite; only columns that hold something. */
export declare function tables({ samples }: Results): Table[];
/** As the terminal shows it, and as Markdown: the same columns, equally wide. */
export declare function render({ title, head, rows }: Table, markdown: boolean): string;
export declare function renderStartup({ startup }: Results): string;
