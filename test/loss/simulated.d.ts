/** One process of a sidecar as Prometheus sees it. Times are seconds; whatever it counts is a list of times. */
export interface Life {
    instance: string;
    /** when it started and ended; it is scraped every 15 s from `phase` on */
    from?: number;
    to?: number;
    phase?: number;
    /** when Prometheus began to scrape it, if later than it started */
    scrapedFrom?: number;
    fanout?: number;
    succeeded?: number[];
    lost?: number[];
    /** lost after they had counted as success */
    lostLate?: number[];
    unknown?: number[];
    firsts?: number[];
}
/** `event:…` recorded, and what must hold of it: PromQL that is 1 for orders at `at` seconds. */
export interface Claim {
    at: number;
    expression: string;
}
/** Has the rule file, as it is, evaluated over what these sidecars counted; throws what promtool finds wrong. */
export declare function evaluate(lives: Life[], seconds: number, claims: Claim[], expected?: {
    labels: string;
    value: number;
}[]): void;
export declare const ORDERS = "{topic=\"orders\", pipeline=\"/\"}";
/** `count` times, evenly in [from, to). */
export declare const evenly: (count: number, from: number, to: number) => number[];
