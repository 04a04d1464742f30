import { until } from '../../testing/wait.ts';

/** Between two questions, each of which is a program to start or a page to make. */
const PAUSE_MS = 2_000;

/** What was asked, and how much of it held. */
export const count = { passed: 0, failed: 0 };

/** Prints a line of what is promised: whether it holds, with what `ask` found or threw. */
export async function proof(promise: string, ask: () => Promise<string | undefined>): Promise<boolean> {
  try {
    const found = await ask();
    count.passed++;
    console.log(`ok      ${promise}${found ? ` (${found})` : ''}`);
    return true;
  } catch (error) {
    count.failed++;
    const lines = String((error as Error).message)
      .trim()
      .split('\n');
    console.log([`FAILED  ${promise}`, ...lines].join('\n        '));
    return false;
  }
}

/** Answer of an HTTP API. */
export async function json<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${(await response.text()).slice(0, 300)}`);
  return (await response.json()) as T;
}

/** As `until`, with a longer pause between its questions. */
export const awaited = <T>(condition: () => Promise<T>, message: string | (() => string), timeout: number) =>
  until(condition, message, timeout, PAUSE_MS);
