import { defineConfig } from 'vitest/config';

/** `npm run proof:faults [-- NAME]`: what takes root, namespaces or minutes. One file at a time: each has the machine. */
export default defineConfig({
  test: {
    include: ['test/reliability/*.proof.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 180_000,
  },
});
