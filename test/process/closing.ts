import { afterEach } from 'vitest';

const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Ends what a test started, the last first, whether it passed or not. */
export function atEnd(close: () => unknown): void {
  closing.push(close);
}
