interface Shown {
    topic: string;
    panels: string[];
}
/** Panels of each dashboard, in their order in the picture. */
export declare const SHOWN: Record<string, Shown>;
export {};
