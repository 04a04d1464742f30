import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, textOf } from './pages.ts';

test('test/README.md has every folder of test/, and no other', () => {
  const folders = readdirSync(join(ROOT, 'test'), { withFileTypes: true }).filter((each) => each.isDirectory());
  const mapped = [...textOf('test/README.md').matchAll(/^\| `([\w-]+)` /gm)].map(([, folder]) => folder);
  expect(mapped.sort()).toEqual(folders.map(({ name }) => name).sort());
});
