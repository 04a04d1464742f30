import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { FileWatch } from '../../src/config/watch.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { until } from '../../testing/wait.ts';

const folder = temporaryFolder('watch');
const at = (...names: string[]) => join(folder.path, ...names);
const watches: FileWatch[] = [];
afterEach(() => {
  for (const watch of watches.splice(0)) watch.close();
});

const AN_HOUR = 3_600_000;

/** How often it told of changes of `path` so far. */
function watched(path: string, pollMs = AN_HOUR): () => number {
  let told = 0;
  const watch = new FileWatch(() => told++, pollMs);
  watches.push(watch);
  watch.watch([path]);
  return () => told;
}

function replace(path: string): void {
  writeFileSync(`${path}~`, 'two');
  renameSync(`${path}~`, path);
}

test.each([
  ['is written in place', (path: string) => writeFileSync(path, 'two')],
  ['is replaced', replace],
])('a file that %s is told of', async (how, change) => {
  const path = at(`${how}.yaml`);
  writeFileSync(path, 'one');
  const told = watched(path);
  change(path);
  await until(() => told() > 0, 'it is told');
});

test('a file in a directory that another takes the place of, by a link on the way', async () => {
  for (const version of ['one', 'two']) {
    mkdirSync(at(version));
    writeFileSync(at(version, 'file.yaml'), version);
  }
  symlinkSync('one', at('current'));
  const told = watched(at('current', 'file.yaml'));
  symlinkSync('two', at('next'));
  renameSync(at('next'), at('current'));
  await until(() => told() > 0, 'it is told');
});

test('where nothing is told of, a look now and then finds it', async () => {
  const told = watched(at('nowhere', 'file.yaml'), 20);
  await until(() => told() > 2, 'it looks, and goes on');
  expect(told()).toBeGreaterThan(2);
});
