import { setTimeout as sleep } from 'node:timers/promises';

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>;

/**
 * Resolves with the condition's first truthy value. Asks again after `pause` milliseconds, and fails with
 * `message` after `timeout` milliseconds. A condition that throws counts as not yet true; what it
 * threw last is the failure's cause.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  message: string | (() => string),
  timeout = 60_000,
  pause = 20,
): Promise<Truthy<T>> {
  const deadline = performance.now() + timeout;
  for (;;) {
    let cause: unknown;
    try {
      const value = await condition();
      if (value) return value as Truthy<T>;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) {
      const waited = typeof message === 'string' ? message : message();
      throw new Error(`waited ${timeout} ms in vain until ${waited}`, { cause });
    }
    await sleep(pause);
  }
}
