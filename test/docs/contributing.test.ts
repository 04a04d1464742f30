import { expect, test } from 'vitest';
import { files, inBackticks, isThere, textOf } from './pages.ts';

const PAGE = 'CONTRIBUTING.md';
const TOP = files('*').map((name) => name.replaceAll('.', '\\.'));
/** Begins at the root and has a folder; or is a file of the root. */
const PATH = new RegExp(`^(?:${[...TOP, 'testing'].join('|')})(?:/[\\w./*-]*)?$`);

const recipes = textOf(PAGE)
  .split(/^### /m)
  .slice(1)
  .map((text) => [text.slice(0, text.indexOf('\n')), text] as const);

test.each(recipes)('%s: the recipe names files that are there', (_, text) => {
  const paths = inBackticks(text).filter((each) => PATH.test(each));
  expect(paths.length).toBeGreaterThan(0);
  expect(paths.filter((path) => files(path).length === 0 && !isThere(path))).toEqual([]);
});

test('so does the rest of the page', () => {
  const paths = inBackticks(textOf(PAGE)).filter((each) => PATH.test(each));
  expect(paths.filter((path) => files(path).length === 0 && !isThere(path))).toEqual([]);
});
