import { defineConfig } from 'vitest/config';
import { LongestFirst } from './testing/longest-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'testing/shared-broker.ts',
    pool: 'forks',
    // two cores are what most machines have at least, and most files wait
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    // what waits for a condition says itself which one it was; these only end what hangs, on a machine with other work too
    testTimeout: 120_000,
    hookTimeout: 180_000,
    // Real processes on a machine that others use too: one more try, and .ci/run names each test that took it.
    retry: process.env.CI ? 1 : 0,
    // .ci/run reads its figures from the file, and names another for each run.
    reporters: process.env.CI
      ? ['default', ['json', { outputFile: process.env.RESULTS ?? '.vitest/results.json' }]]
      : ['default'],
  },
});
