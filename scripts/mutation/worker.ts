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

// One Vitest that stays up: only the changed file is transformed anew for each mutant, and nothing is written to src/.
const vitest = await createVitest({
  config: fileURLToPath(new URL('vitest.config.ts', import.meta.url)),
  watch: false,
  reporters: [{}],
});
await vitest.standalone();

process.on('message', async ({ tests, changed }: Task) => {
  const shared = globalThis as { changed?: Task['changed'] };
  if (shared.changed !== undefined) vitest.invalidateFile(shared.changed.file);
  shared.changed = changed;
  if (changed !== undefined) vitest.invalidateFile(changed.file);
  const specifications = tests.flatMap((file) => vitest.getModuleSpecifications(file));
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
  const answer: Answer = {
    failed: unhandledErrors.length > 0 ? `beside the tests: ${unhandledErrors[0]}` : '',
    passed: 0,
  };
  for (const module of testModules) {
    for (const test of module.children.allTests()) {
      if (test.result().state === 'passed') answer.passed++;
      if (test.result().state === 'failed') answer.failed ||= test.fullName;
    }
    if (module.state() === 'failed') answer.failed ||= module.relativeModuleId;
  }
  process.send?.(answer);
});
process.send?.('ready');
