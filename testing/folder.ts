import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removed, removeWithUs } from './reaper.ts';

/** A private temporary folder; `remove` it, or it goes with the test process. */
export function temporaryFolder(name: string): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `tracehare-${name}-`));
  removeWithUs(path);
  return {
    path,
    remove() {
      rmSync(path, { recursive: true, force: true, maxRetries: 5 });
      removed(path);
    },
  };
}
