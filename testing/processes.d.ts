import { type ChildProcess, type SpawnOptions } from 'node:child_process';
/** Starts a program in a process group of its own, which ends with the test process at the latest. */
export declare function start(command: string, args: string[], options?: SpawnOptions): ChildProcess;
/** Signals the child and everything it started. Nothing happens if it has ended already. */
export declare function signal(child: ChildProcess, name: NodeJS.Signals): void;
export declare function ended(child: ChildProcess): boolean;
/** Resolves when the child has ended: its exit code, or the signal that ended it. */
export declare function end(child: ChildProcess): Promise<number | NodeJS.Signals>;
export interface Result {
    code: number | NodeJS.Signals;
    stdout: Buffer;
    stderr: string;
}
/** Runs a program to its end. `input` becomes its standard input. */
export declare function run(command: string, args: string[], options?: SpawnOptions & {
    input?: string | Buffer;
}): Promise<Result>;
