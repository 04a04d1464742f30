import { mergeConfig } from 'vitest/config';
import unit from '../../vitest.unit.config.ts';

/** The tests of `npm run test:unit`, with one source changed as worker.ts has it at the moment. */
export default mergeConfig(unit, {
  plugins: [
    {
      name: 'mutant',
      enforce: 'pre',
      transform(_: string, id: string) {
        // the configuration is loaded as a module of its own: nothing else is shared with worker.ts
        const { changed } = globalThis as { changed?: { file: string; text: string } };
        return id === changed?.file ? changed.text : undefined;
      },
    },
  ],
  test: {
    root: new URL('../../', import.meta.url).pathname,
    setupFiles: [new URL('few-runs.ts', import.meta.url).pathname],
    // its key is what the file on disk has
    fsModuleCache: false,
    bail: 1,
    maxWorkers: 1,
    fileParallelism: false,
  },
});
