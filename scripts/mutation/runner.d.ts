import type { Answer, Task } from './worker.ts';
/** One process that runs tests; begun anew when a mutant never comes to an end. */
export declare class Runner {
    #private;
    /** `timeout` ms: a loop that does not end. */
    run(task: Task, timeout: number): Promise<Answer | 'timeout'>;
    /** With the test process that it has started: both are one group. */
    end(): void;
}
