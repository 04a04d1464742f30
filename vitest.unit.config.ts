import { defineConfig } from 'vitest/config';

/** The tests that need neither a broker nor another process: `npm run test:unit`, and what `npm run mutate` runs. */
export default defineConfig({
  test: {
    include: ['test/{amqp,events,metrics,model,proxy}/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
  },
});
