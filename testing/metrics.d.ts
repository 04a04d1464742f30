/** One line of an exposition. */
export interface Sample {
    name: string;
    labels: Record<string, string>;
    value: number;
    /** OpenMetrics: what stands behind the `#`, as it stands; undefined without */
    exemplar: string | undefined;
}
export type Labels = Record<string, string>;
/** A scrape, to be asked for sums. Reads Prometheus text and OpenMetrics as prom-client writes them. */
export declare class Metrics {
    readonly text: string;
    readonly samples: Sample[];
    constructor(text: string);
    /** Samples of that name that carry at least these labels. */
    matching(name: string, labels?: Labels): Sample[];
    /** Sum over the matching samples; 0 without any. */
    sum(name: string, labels?: Labels): number;
    /** The one matching sample's value; undefined without any. Several are an error. */
    value(name: string, labels?: Labels): number | undefined;
}
