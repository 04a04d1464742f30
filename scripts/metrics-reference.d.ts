/** docs/metrics.md: what the exposition declares, under the default configuration. */
export declare function metricsPage(): string;
