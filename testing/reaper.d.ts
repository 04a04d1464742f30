import { type ChildProcess } from 'node:child_process';
/** The child's whole process group dies with us at the latest. It must have been spawned `detached`. */
export declare function reapWithUs(child: ChildProcess): void;
/** The folder goes when we do. An absolute path. */
export declare function removeWithUs(folder: string): void;
export declare function removed(folder: string): void;
