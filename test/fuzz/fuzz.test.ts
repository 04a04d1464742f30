import fc from 'fast-check';
import { afterAll, expect, inject, test } from 'vitest';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { operations } from './operations.ts';
import { MODES, Site } from './site.ts';

/** ms for each mode; `npm run fuzz` looks longer */
const TIME_MS = 15_000;
/** no machine is so slow that fewer are made in that time */
const FEWEST = 3;

let vhost: Vhost | undefined;
afterAll(() => vhost?.remove());

test.each(MODES)('whatever apps say, legal or not, every figure is what the broker holds: --loss %s', async (mode) => {
  vhost ??= await createVhost(inject('broker'));
  const site = await Site.start({ port: vhost.port, vhost: vhost.name }, mode);
  let runs = 0;
  const conversation = fc.asyncProperty(operations(false), async (list) => {
    await site.run(list);
    runs++;
  });
  try {
    const limit = { interruptAfterTimeLimit: TIME_MS, markInterruptAsFailure: false };
    await fc.assert(conversation, { numRuns: 10_000, ...limit });
  } finally {
    await site.stop();
  }
  expect(runs).toBeGreaterThanOrEqual(FEWEST);
});
