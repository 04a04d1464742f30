import { isDeepStrictEqual } from 'node:util';
import { type Loaded, toConfig } from './load.ts';
import type { ReadFiles } from './read-files.ts';
import { sections, settings } from './settings.ts';
import { dotted, EACH, get, remove, set, type Tree } from './tree.ts';

/** What is to hold after a reload. */
export interface Changed {
  loaded: Loaded;
  /** settings and lists that differ from before, in dots */
  applied: string[];
  /** of those that differ but need a restart: in `loaded` they are as before */
  restart: string[];
}

/** Settings and lists by name: entries of a list change together. */
const units = [...settings, ...sections.filter(({ isList, path }) => isList && !path.includes(EACH))];
const optionalSections = sections.filter(({ isOptional, path }) => isOptional && !path.includes(EACH));

/** Of `next` only what a reload may change, over what runs now. Files of the same name may have new content. */
export function changes(running: Loaded, next: Loaded, was: ReadFiles, is: ReadFiles): Changed {
  const checked = structuredClone(next.checked);
  const applied: string[] = [];
  const restart: string[] = [];
  const keep = (path: string[]): void => {
    const value = get(running.checked, path);
    if (value === undefined) remove(checked as Tree, path);
    else set(checked as Tree, path, structuredClone(value));
  };
  // its coming and going is more than a change of its keys
  for (const { path, reload } of optionalSections) {
    if ((get(running.checked, path) === undefined) === (get(checked, path) === undefined)) continue;
    if (reload !== 'restart') continue;
    restart.push(dotted(path));
    keep(path);
  }
  for (const unit of units) {
    const { path, reload } = unit;
    const name = dotted(path);
    const [before, after] = [get(running.checked, path), get(checked, path)];
    const renewed = 'isFile' in unit && unit.isFile && typeof after === 'string' && !was.agree(after, is);
    if (isDeepStrictEqual(before, after) && !renewed) continue;
    if (reload !== 'restart') applied.push(name);
    else {
      restart.push(name);
      keep(path);
    }
  }
  const { fileToken, path } = next;
  return { loaded: { checked, fileToken, path, config: toConfig(checked, fileToken) }, applied, restart };
}
