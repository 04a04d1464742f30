import type { LoadSpec } from '../load/load.ts';
/** A way from the apps to the broker. */
export interface Path {
    name: string;
    kind: 'direct' | 'tracehare' | 'pipe' | 'haproxy';
    /** Tracehare: further flags, variables, text of a YAML file, and the built program if not dist/main.js */
    args?: string[];
    env?: Record<string, string>;
    config?: string;
    /** spans go to an endpoint that takes them all, or to one that never answers */
    exports?: boolean | 'hang';
    /** /metrics is scraped twice a second */
    scraped?: boolean;
    program?: string;
    /** what the apps do otherwise on this path, so that the work is equal */
    load?: Partial<LoadSpec>;
}
export interface RunningPath {
    path: Path;
    port: number;
    /** base URL of Tracehare's admin server */
    admin?: string;
    /** undefined: there is no process in between */
    pid?: number;
    /** milliseconds from its start until it listened */
    startup?: number;
    /** Resolves when it has ended. */
    stop(): Promise<void>;
}
export interface PathOptions {
    brokerPort: number;
    /** SCHED_BATCH for whatever stands in between */
    batch: boolean;
    /** CPU profiles of Tracehare go there */
    profile?: string | undefined;
    /** further flags for Tracehare's Node */
    node?: string[];
}
export declare const hasHaproxy: () => boolean;
export declare function startPath(path: Path, options: PathOptions): Promise<RunningPath>;
