import { type Result } from '../../testing/processes.ts';
/** The built program (`npm run build` comes first). */
export declare const program: string;
export type Ended = Omit<Result, 'stdout'> & {
    stdout: string;
};
/** Runs `tracehare …` to its end, with nothing of the test run's own settings. */
export declare function tracehare(args: string[], env?: Record<string, string>): Promise<Ended>;
