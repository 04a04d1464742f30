import type { Given } from './given.ts';
import { sections, settings } from './settings.ts';
import { get, isTree, places, remove, set, type Tree } from './tree.ts';

/** Of these only one may be given; a flag's token takes the place of the file's tokenFile, and so on. */
const alternatives = [['admin.token', 'admin.tokenFile']];

export interface Merged {
  tree: unknown;
  /** as in Sources (problems.ts) */
  origins: Map<string, string>;
}

/** Lays what was given over the file's content, weakest source first. Changes `content`. */
export function merge(content: unknown, sources: Given[][]): Merged {
  const origins = new Map<string, string>();
  const tree = content ?? {};
  if (!isTree(tree)) return { tree, origins };
  expandShortForms(tree);
  for (const source of sources) {
    dropReplaced(tree, source);
    for (const { setting, value, from } of source) {
      set(tree, setting.path, value);
      origins.set(setting.path.join('.'), from);
    }
  }
  return { tree, origins };
}

/** `listen: X` becomes `listen: { address: X }`; a section or a list with nothing in it is an empty one. */
function expandShortForms(tree: Tree): void {
  for (const { path, shortForm, isList } of sections) {
    for (const place of places(tree, path)) {
      const value = get(tree, place);
      if (value === null) set(tree, place, isList ? [] : {});
      else if (shortForm !== undefined && value !== undefined && !isTree(value))
        set(tree, place, { [shortForm]: value });
    }
  }
}

function dropReplaced(tree: Tree, source: Given[]): void {
  const names = new Set(source.map(({ setting }) => setting.path.join('.')));
  for (const group of alternatives) {
    if (!group.some((name) => names.has(name))) continue;
    for (const { path } of settings) if (group.includes(path.join('.'))) remove(tree, path);
  }
}
