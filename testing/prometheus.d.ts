export interface PrometheusOptions {
    /** what to scrape, `host:port` each */
    targets: string[];
    /** milliseconds; 1,000 by default */
    scrapeInterval?: number;
    /** rule files (paths) */
    rules?: string[];
    /** `host:port` of the Alertmanager that gets the alerts */
    alertmanager?: string;
    /** keep exemplars */
    exemplars?: boolean;
}
/** One series of an instant vector. NaN and the infinities are numbers here too. */
export interface Series {
    labels: Record<string, string>;
    value: number;
}
export interface Prometheus {
    port: number;
    /** Evaluates now, or at `time` (seconds since the epoch). */
    query(expression: string, time?: number): Promise<Series[]>;
    /** Answer of any GET endpoint below /api/v1/, its `data`. */
    api(path: string, parameters: Record<string, string>): Promise<unknown>;
    stop(): Promise<void>;
}
/** Starts a Prometheus with its data in a private folder, ready when resolved. */
export declare function startPrometheus(options: PrometheusOptions): Promise<Prometheus>;
