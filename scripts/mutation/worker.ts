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
  const specifications = tests.flatMap((file) => vitest.getModuleSpecifications(file));
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
  const answer: Answer = { failed: unhandledErrors.length > 0 ? 'beside the tests' : '', passed: 0 };
  for (const module of testModules) {
    for (const test of module.children.allTests()) {
      if (test.result().state === 'passed') answer.passed++;
      if (test.result().state === 'failed') answer.failed ||= test.fullName;
    }
    if (module.state() === 'failed') answer.failed ||= module.relativeModuleId;
  }
  return answer;
}

process.on('message', async (task: Task) => process.send?.(await answer(task)));
process.send?.('ready');
