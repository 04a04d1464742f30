/** The file's content before it is checked: anything may be anywhere. */
export type Tree = Record<string, unknown>;

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Stands in a path for each entry of a list. */
export const EACH = '[]';

/** `rules[0].match`; what the user wrote may be in it. */
export function dotted(path: readonly PropertyKey[], name: (key: string) => string = (key) => key): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : key === EACH ? EACH : `.${name(String(key))}`))
    .join('')
    .replace(/^\./, '');
}

/** A number in a path is an entry of a list. */
export function get(tree: unknown, path: readonly (string | number)[]): unknown {
  let at = tree;
  for (const key of path) {
    const there = typeof key === 'number' ? Array.isArray(at) : isTree(at) && Object.hasOwn(at, key);
    if (!there) return undefined;
    at = (at as Tree)[key];
  }
  return at;
}

/** The paths in `tree` that one with EACH in it stands for. */
export function places(tree: unknown, path: readonly string[]): (string | number)[][] {
  const each = path.indexOf(EACH);
  if (each < 0) return [[...path]];
  const list = get(tree, path.slice(0, each));
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry, index) =>
    places(entry, path.slice(each + 1)).map((below) => [...path.slice(0, each), index, ...below]),
  );
}

/** Makes the sections on its way. What is no section is left there: its own error will be told. */
export function set(tree: Tree, path: readonly (string | number)[], value: unknown): void {
  let at = tree;
  for (const [index, key] of path.entries()) {
    if (index === path.length - 1) at[key] = value;
    else {
      if (!Object.hasOwn(at, key)) at[key] = {};
      const below = at[key];
      if (!isTree(below) && typeof path[index + 1] !== 'number') return;
      at = below as Tree;
    }
  }
}

export function remove(tree: Tree, path: readonly string[]): void {
  const parent = get(tree, path.slice(0, -1));
  if (isTree(parent)) delete parent[path[path.length - 1]];
}

export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const below of Object.values(value)) deepFreeze(below);
    Object.freeze(value);
  }
  return value;
}
