import { fileURLToPath } from 'node:url';
import { type Result, run } from '../../testing/processes.ts';

/** The built program (`npm run build` comes first). */
export const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export type Ended = Omit<Result, 'stdout'> & { stdout: string };

/** Runs `tracehare …` to its end, with nothing of the test run's own settings; `input` is its standard input. */
export async function tracehare(args: string[], env: Record<string, string> = {}, input = ''): Promise<Ended> {
  const result = await run(process.execPath, [program, ...args], { env: { PATH: process.env.PATH, ...env }, input });
  return { ...result, stdout: result.stdout.toString() };
}
