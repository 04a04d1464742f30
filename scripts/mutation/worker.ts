import { fileURLToPath } from 'node:url';
import { createVitest } from 'vitest/node';

/** What a worker is asked: to run these test files with one source changed, or with all as they are. */
export interface Task {
  tests: string[];
  /** absolute path and the changed text */
  changed?: { file: string; text: string };
}

export interface Answer {
  /** the test that noticed; '' if none did */
  failed: string;
  passed: number;
}

// Nothing is written to src/: vitest.config.ts hands the changed text to the tests. One Vitest stays up for all mutants,
// and transforms only the changed file anew.
const config = fileURLToPath(new URL('vitest.config.ts', import.meta.url));
const vitest = await createVitest({ config, watch: false, reporters: [{}] });
await vitest.standalone();
const shared = globalThis as { changed?: Task['changed'] };

async function answer({ tests, changed }: Task): Promise<Answer> {
  if (shared.changed !== undefined) vitest.invalidateFile(shared.changed.file);
  shared.changed = changed;
  if (changed !== undefined) vitest.invalidateFile(changed.file);
  let passed = 0;
  // one by one in their order: the first failure is enough
  for (const file of tests) {
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications(vitest.getModuleSpecifications(file));
    let failed = unhandledErrors.length > 0 ? 'beside the tests' : '';
    for (const module of testModules) {
      for (const test of module.children.allTests()) {
        if (test.result().state === 'passed') passed++;
        if (test.result().state === 'failed') failed ||= test.fullName;
      }
      if (module.state() === 'failed') failed ||= module.relativeModuleId;
    }
    if (failed !== '') return { failed, passed };
  }
  return { failed: '', passed };
}

process.on('message', async (task: Task) => process.send?.(await answer(task)));
// whoever asks has ended
process.on('disconnect', () => process.exit());
process.send?.('ready');
