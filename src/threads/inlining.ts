import { setFlagsFromString } from 'node:v8';

/**
 * Lets V8 build more of what a message passes into the loops that it passes: with its own limits, a few calls of each
 * message stay calls, another set in each build, and numbers that go through them are boxed (docs/performance.md#what-was-tried).
 * For the whole process, and for what is compiled from now on.
 */
export function inlineMore(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=1500');
  setFlagsFromString('--max-inlined-bytecode-size=600');
}
