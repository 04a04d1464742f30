import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, test, vi } from 'vitest';
import { temporaryFolder } from '../../testing/folder.ts';
import { KNOWN } from './deliver-known.ts';
import { ending, operations } from './deliver-operations.ts';
import type { Settings } from './deliver-site.ts';
import { World } from './deliver-world.ts';
import { LIMIT_MS, RUNS, START } from './runs.ts';

// Whatever an app and a broker say within AMQP, and in whatever order: each delivery must end once, as
// docs/loss.md says, be counted so, and be told of with what belongs to it and to no other (runs.ts: how long it looks).

const folder = temporaryFolder('deliveries');
const config = join(folder.path, 'rules.yml');

beforeAll(() =>
  writeFileSync(
    config,
    'rules: [{ match: { queue: kept }, loss: { deadLetters: true } }]\ntracing: { keep: { maxPerSecond: 100000 } }\n',
  ),
);
afterAll(() => folder.remove());
// time passes when the model says so
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const settings: fc.Arbitrary<Settings & { inTransaction: boolean }> = fc.record({
  inTransaction: fc.constantFrom(false, false, true),
  config: fc.constant(config),
  window: fc.constantFrom(4, 2, 100),
  sampler: fc.constantFrom('parentbased_always_off', 'always_on'),
  broker: fc.constantFrom('strict', 'strict', 'tolerant'),
});

const CONSUMING = [
  { do: 'consume', channel: 1, queue: 'jobs', tag: 'acking', noAck: false, nowait: false, answered: true },
  { do: 'consume', channel: 1, queue: 'mail', tag: 'auto', noAck: true, nowait: false, answered: true },
] as const;

const IN_TRANSACTION: Settings & { inTransaction: boolean } = {
  inTransaction: true,
  config,
  window: 4,
  sampler: 'parentbased_always_off',
  broker: 'strict',
};

const SELECT = { do: 'tx', channel: 1, what: 'select', answered: true } as const;

test(
  'every delivery ends once, as the broker saw it, and is counted and told of so',
  async () => {
    await fc.assert(
      fc.asyncProperty(settings, operations, ending, async (settings, list, { how, after }) => {
        const world = new World(settings);
        try {
          const start = settings.inTransaction ? [...CONSUMING, SELECT] : CONSUMING;
          for (const each of [...start, ...list]) await world.perform(each);
          await world.finish(how, after);
        } finally {
          world.end();
        }
      }),
      {
        ...START,
        numRuns: RUNS,
        examples: KNOWN.map((each) => [IN_TRANSACTION, ...each]),
        interruptAfterTimeLimit: LIMIT_MS,
      },
    );
  },
  2 * LIMIT_MS,
);
