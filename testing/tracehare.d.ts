import { Metrics } from './metrics.ts';
export interface TracehareOptions {
    /** default: port 0 on 127.0.0.1 */
    listen?: string;
    /** value of --upstream; not given where the configuration has it */
    upstream?: string;
    /** further flags, e.g. `['--loss', 'off']` */
    args?: string[];
    env?: Record<string, string>;
    /** text of the YAML file */
    config?: string;
    /** flags for node itself, e.g. `--max-old-space-size=64` */
    nodeArgs?: string[];
}
/** A line of the log as pino wrote it; a line that is no JSON has only `msg`. */
export interface LogLine {
    level?: number;
    msg: string;
    [key: string]: unknown;
}
export interface Tracehare {
    /** where apps connect, on 127.0.0.1 */
    port: number;
    adminPort: number;
    pid: number;
    /** grows as lines come */
    log: LogLine[];
    /** GET on the admin server */
    admin(path: string, headers?: Record<string, string>): Promise<Response>;
    /** Scrapes /metrics. */
    metrics(): Promise<Metrics>;
    signal(name: NodeJS.Signals): void;
    /** Resolves when it has ended: exit code, or the signal that ended it. */
    ended(): Promise<number | NodeJS.Signals>;
    /** SIGTERM, then as `ended`. May be called again. */
    stop(): Promise<number | NodeJS.Signals>;
    /** SIGKILL, then as `ended`. */
    kill(): Promise<number | NodeJS.Signals>;
}
/** Starts the built sidecar (`npm run build` comes first) and waits until it is ready. */
export declare function startTracehare(options?: TracehareOptions): Promise<Tracehare>;
