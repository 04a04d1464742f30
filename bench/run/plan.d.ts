import type { LoadSpec } from '../load/load.ts';
import { type Path } from './paths.ts';
/** What is put on every path of a suite, one after the other. */
export interface Load {
    name: string;
    spec: Partial<LoadSpec>;
}
export interface Suite {
    name: string;
    /** which program the apps are: the load generator, or apps with amqplib */
    apps?: 'amqplib';
    loads: Load[];
    paths: Path[];
}
export declare const direct: Path;
export declare const tracehare: Path;
export declare const pipe: Path;
export declare const haproxy: Path;
/** A suite is left out where what it compares with is not there. */
export declare const suites: Suite[];
