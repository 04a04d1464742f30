import fc from 'fast-check';
import { afterAll, beforeAll, test, vi } from 'vitest';
import { KNOWN } from './known.ts';
import type { Mode } from './ledger.ts';
import type { Operation } from './operations.ts';
import { LIMIT_MS, RUNS, START } from './runs.ts';
import { configured, Scene } from './scene.ts';
import { stories } from './stories.ts';

// Publishes, and whatever can happen to them in whatever order, through the real data plane between two
// sockets. What is forwarded, counted, told and given back must be what a naive ledger says (ledger.ts; runs.ts: how long it looks).

const folder = configured();

beforeAll(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterAll(() => {
  vi.useRealTimers();
  folder.remove();
});

async function live(loss: Mode, operations: Operation[]): Promise<void> {
  const scene = new Scene(loss, folder.path);
  try {
    for (const operation of operations) await operation.run(scene);
    await scene.finish();
    await scene.checkCounts();
  } catch (error) {
    const story = operations.map((each) => `${each}`).filter((each) => each !== '');
    if (error instanceof Error) error.message = `${story.join('\n')}\n${error.message}`;
    throw error;
  } finally {
    scene.end();
  }
}

test.each<Mode>(['off', 'returns', 'confirms'])(
  'publishes end as the ledger says, with --loss %s',
  async (loss) => {
    await fc.assert(
      fc.asyncProperty(stories, (operations) => live(loss, operations)),
      {
        ...START,
        numRuns: RUNS,
        examples: KNOWN.map((each): [Operation[]] => [each]),
        interruptAfterTimeLimit: LIMIT_MS,
      },
    );
  },
  2 * LIMIT_MS,
);
