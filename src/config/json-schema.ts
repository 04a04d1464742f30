import { z } from 'zod';
import { schema } from './schema.ts';
import { sections } from './settings.ts';
import { EACH, get, isTree, remove, set, type Tree } from './tree.ts';

/** The file's JSON Schema (draft 2020-12), for editors that complete and check YAML. */
export function jsonSchema(): Tree {
  const root = z.toJSONSchema(schema, { io: 'input' }) as Tree;
  // Children before parents: a parent with a short form moves its children a level down.
  for (const { path, shortForm, description } of sections.toReversed()) {
    const at = path.flatMap((key) => (key === EACH ? ['items'] : ['properties', key]));
    remove(root, [...at, 'default']);
    const section = get(root, at);
    if (shortForm === undefined || !isTree(section)) continue;
    const { description: _, ...keys } = section;
    set(root, at, { description, anyOf: [get(section, ['properties', shortForm]), keys] });
  }
  const { $schema, ...rest } = root;
  return { $schema, title: 'Tracehare configuration', description: 'All keys are optional.', ...rest };
}
