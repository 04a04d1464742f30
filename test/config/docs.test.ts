import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { examples } from '../../scripts/configuration-examples.ts';
import { committed, pages, rendered } from '../../scripts/docs.ts';
import { jsonSchema } from '../../src/config/json-schema.ts';
import { loadConfig } from '../../src/config/load.ts';
import { listed, sections, settings } from '../../src/config/settings.ts';
import { dotted, EACH, get } from '../../src/config/tree.ts';
import { problems } from './given.ts';

test.each(pages)('docs/$file is what the code says; `npm run docs` writes it', async (page) => {
  expect(committed(page.file)).toBe(await rendered(page));
});

test('docs/example.yaml is right, and names the schema', () => {
  const file = fileURLToPath(new URL('../../docs/example.yaml', import.meta.url));
  expect(loadConfig({ argv: ['--config', file], env: {}, check: true }).pipeline).toBe('orders');
  expect(committed('example.yaml')).toMatch(/^# yaml-language-server: \$schema=tracehare\.schema\.json\n/);
});

test('each section of the file has an example, and no other has', () => {
  const named = sections.filter(({ path }) => path.length === 1).map(({ name }) => name);
  expect(Object.keys(examples).sort()).toEqual([...named, ''].sort());
});

test.each(Object.entries(examples))('the example of section "%s" is right', (_, { yaml }) => {
  // its files are the reader's
  expect(problems({ yaml }).filter((problem) => !problem.endsWith(': no such file'))).toEqual([]);
});

test('what docs/rules.md shows is right', () => {
  const examples = [...committed('rules.md').matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml]) => yaml);
  expect(examples).toHaveLength(7);
  for (const yaml of examples) expect(problems({ yaml })).toEqual([]);
});

test('what docs/faults.md shows is right', () => {
  const examples = [...committed('faults.md').matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml]) => yaml);
  expect(examples).toHaveLength(2);
  for (const yaml of examples) expect(problems({ yaml })).toEqual([]);
});

test('the configurations of docs/cookbook.md are right', () => {
  const examples = [...committed('cookbook.md').matchAll(/```yaml\n(.*?)```/gs)]
    .map(([, yaml]) => yaml)
    .filter((yaml) => /^(rules|faults):/m.test(yaml));
  expect(examples).toHaveLength(2);
  for (const yaml of examples) expect(problems({ yaml })).toEqual([]);
});

describe('the JSON Schema', () => {
  const schema = jsonSchema();

  test.each(settings.map((setting) => [setting.path.join('.'), setting] as const))('describes %s', (_, setting) => {
    const long = setting.path.flatMap((key, depth) => {
      const section = ['properties', key];
      const at = get(
        schema,
        setting.path.slice(0, depth + 1).flatMap((name) => ['properties', name]),
      );
      // a section that has a short form too; a setting of its own may have several types
      return depth === 0 &&
        setting.path.length > 1 &&
        at !== undefined &&
        typeof at === 'object' &&
        at !== null &&
        'anyOf' in at
        ? [...section, 'anyOf', '1']
        : section;
    });
    const described = long.reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], schema);
    expect(described).toMatchObject({
      description: setting.description,
      ...(setting.default !== undefined && { default: setting.default }),
    });
  });

  test.each(listed.map((key) => [dotted(key.path), key] as const))('describes %s', (_, { path, description }) => {
    const described = path.reduce<unknown>((at, key) => {
      const keys = get(at, ['anyOf', 1]) ?? at;
      return get(keys, key === EACH ? ['items'] : ['properties', key]);
    }, schema);
    expect(described).toMatchObject({ description });
  });

  test('requires nothing, and allows no unknown key', () => {
    expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
    expect(schema).not.toHaveProperty('required');
    expect(schema).toMatchObject({ properties: { rules: { items: { additionalProperties: false } } } });
  });
});
