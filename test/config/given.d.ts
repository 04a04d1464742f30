import type { Config } from '../../src/config/config.ts';
export interface Sources {
    /** text of the YAML file */
    yaml?: string;
    argv?: string[];
    env?: Record<string, string>;
}
/** Writes a file beside the configuration; its path. */
export declare function beside(name: string, text: string): string;
export declare function load({ yaml, argv, env }: Sources): Config;
/** What is wrong with it, the file named `file`; none when it loads. */
export declare function problems(sources: Sources): string[];
