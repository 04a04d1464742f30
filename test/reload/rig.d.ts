import type { LogLine, Tracehare } from '../../testing/tracehare.ts';
import { type Rig } from '../process/rig.ts';
export interface ReloadRig extends Rig {
    /** the configuration file */
    file: string;
    /** Replaces the file's content in one step, as an editor or a deployment does. */
    write(text: string): void;
}
/** A sidecar whose configuration file can be changed. */
export declare function startReloadRig(text: string, args?: string[]): Promise<ReloadRig>;
export declare const RESTART = "changed settings that only a restart applies";
/** The lines of the log that tell how reloads ended. */
export declare function ends({ log }: Tracehare): LogLine[];
/** Makes a change and waits for the reload that comes of it; its line in the log. */
export declare function reloaded(sidecar: Tracehare, change: () => unknown): Promise<LogLine>;
export interface Counts {
    success: number | undefined;
    failure: number | undefined;
    /** 1: what is in force is what was read last */
    successful: number | undefined;
    /** seconds since the epoch */
    at: number;
}
export declare function counts(sidecar: Tracehare): Promise<Counts>;
