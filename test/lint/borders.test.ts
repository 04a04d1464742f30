import { readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { files, isThere, ROOT, textOf } from '../docs/pages.ts';

// biome.json says for each folder what it may import. Here: that no folder is forgotten, and that what is allowed
// adds up to rooms without an arrow running back, and to two threads that load nothing of each other.

interface Override {
  includes: string[];
  linter: {
    rules: { style: { noRestrictedImports?: { options: { patterns: { group: string[]; message: string }[] } } } };
  };
}

const { overrides }: { overrides: Override[] } = JSON.parse(textOf('biome.json'));

const borders = overrides.flatMap(({ includes, linter }) => {
  const patterns = linter.rules.style.noRestrictedImports?.options.patterns ?? [];
  const [own] = includes;
  // a pattern is seen from the files that import, which lie in the folder itself
  const allowed = patterns.flatMap(({ group }) =>
    group.filter((each) => each.startsWith('!')).map((each) => join(dirname(own), each.slice(1))),
  );
  return patterns.length === 0 ? [] : [{ includes, allowed, patterns }];
});

const foldersIn = (parent: string): string[] =>
  readdirSync(join(ROOT, parent), { withFileTypes: true })
    .filter((each) => each.isDirectory())
    .map(({ name }) => `${parent}/${name}`);

/** Folders whose own folders have a border each. */
const PARTED = ['src', 'src/page', 'src/proxy', 'src/telemetry'];
const folders = [...PARTED.flatMap(foldersIn).filter((each) => !PARTED.includes(each)), 'testing', 'bench'];

test.each(folders)('%s has a border, with its reason', (folder) => {
  const own = borders.filter(({ includes }) => includes.includes(`${folder}/**`));
  expect(own).toHaveLength(1);
  for (const { message } of own[0].patterns) expect(message).toMatch(/^.{20,}\.$/);
});

test('borders speak of what is there', () => {
  const named = borders.flatMap(({ includes, allowed }) => [
    ...includes.filter((each) => !each.startsWith('!')),
    ...allowed,
  ]);
  expect(named.filter((each) => !isThere(each) && files(each).length === 0)).toEqual([]);
});

const room = (path: string): string => /^src\/proxy\/([\w-]+)/.exec(path)?.[1] ?? '';

test('rooms of src/proxy may not import each other in a circle', () => {
  const arrows = new Map(borders.map(({ includes, allowed }) => [room(includes[0]), allowed.map(room)]));
  const isBehind = (from: string, to: string): boolean =>
    (arrows.get(from) ?? []).some((next) => next !== '' && (next === to || isBehind(next, to)));
  const rooms = foldersIn('src/proxy').map(room);
  expect(rooms.filter((each) => isBehind(each, each))).toEqual([]);
});

/** Files that are loaded with `entry`: what it imports, and what that imports. Types are not loaded. */
function loadedWith(entry: string): string[] {
  const found = new Set([entry]);
  for (const file of found) {
    const imports = textOf(file).matchAll(
      /^(?:import|export) (?!type\b)[^;]*?from '(\.[^']+)'|import\('(\.[^']+)'\)/gm,
    );
    for (const [, fixed, late] of imports) found.add(normalize(join(dirname(file), fixed ?? late)));
  }
  return [...found];
}

const inFolders = (paths: string[], folders: string[]): string[] =>
  paths.filter((path) => folders.some((folder) => path.startsWith(`src/${folder}/`)));

test('a traffic thread loads nothing of the main thread', () => {
  const loaded = loadedWith('src/threads/traffic.ts');
  expect(inFolders(loaded, ['proxy/scanning', 'telemetry/recording'])).not.toEqual([]);
  const main = ['app', 'admin', 'cli', 'telemetry/export', 'telemetry/exposition', 'telemetry/loss'];
  expect(inFolders(loaded, main)).toEqual([]);
});

test('the main thread loads nothing that touches traffic', () => {
  const loaded = loadedWith('src/main.ts');
  expect(inFolders(loaded, ['app', 'admin', 'telemetry/exposition'])).not.toEqual([]);
  const traffic = ['scanning', 'connection', 'publishing', 'delivering', 'open-messages', 'fault-path', 'plane'];
  const rooms = traffic.map((each) => `proxy/${each}`);
  expect(inFolders(loaded, [...rooms, 'telemetry/recording', 'telemetry/propagation'])).toEqual([]);
});

test('the page loads nothing of the sidecar, and the sidecar nothing of the page', () => {
  const page = loadedWith('src/page/main.tsx');
  expect(inFolders(page, ['page/views', 'page/data'])).not.toEqual([]);
  expect(page.filter((path) => !path.startsWith('src/page/'))).toEqual([]);
  expect(inFolders([...loadedWith('src/main.ts'), ...loadedWith('src/threads/traffic.ts')], ['page'])).toEqual([]);
});
