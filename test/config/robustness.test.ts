import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { listed, sections, settings } from '../../src/config/settings.ts';
import { load, problems } from './given.ts';

/** Names that reach into the schema, so that not everything fails at the first unknown key. */
const name = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(...[...sections, ...settings, ...listed].map(({ path }) => path[path.length - 1])),
  },
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', 'constructor', 'toString', '<<', '*a', '&a', '!!map'),
);
const leaf = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom('10s', ':1', '[::1]:1', 'amqp://a', 'off', '1,2', '-1s'),
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof({ maxDepth: 4, withCrossShrink: true }, leaf, tie('list'), tie('map')),
  list: fc.array(tie('tree'), { maxLength: 4 }),
  map: fc.dictionary(name, tie('tree'), { maxKeys: 6 }),
}));

/** `problems` lets nothing but ConfigError through. */
function onlyClearLines(sources: Parameters<typeof problems>[0]): void {
  for (const problem of problems(sources)) expect(problem).toMatch(/^[^\n\r]+$/);
}

test('no content of a file makes the loader throw anything but clear lines', () => {
  fc.assert(
    fc.property(tree, (content) => onlyClearLines({ yaml: stringify(content, { aliasDuplicateObjects: false }) })),
    { numRuns: 500 },
  );
});

test('nor does any text', () => {
  const text = fc
    .array(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('\n', '  ', ': ', '- ', '"', '{', '[', '&a ', '*a', 'listen', '\t'),
      ),
    )
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, (yaml) => onlyClearLines({ yaml })),
    { numRuns: 500 },
  );
});

test('nor do any flags and variables', () => {
  const flag = fc.oneof(
    fc.constantFrom(...settings.flatMap(({ flag }) => [`--${flag}`, `--no-${flag}`])),
    fc.string(),
    fc
      .tuple(fc.constantFrom(...settings.map(({ flag }) => `--${flag}`)), leaf)
      .map(([flag, value]) => `${flag}=${value}`),
  );
  const env = fc.dictionary(fc.constantFrom(...settings.map(({ variable }) => variable)), leaf.map(String));
  fc.assert(
    fc.property(fc.array(flag), env, (argv, env) => {
      // Both name files, and this is about values.
      const flags = argv.filter((argument) => !/^(-*config|--admin-token-file)/.test(argument));
      onlyClearLines({ argv: flags, env: { ...env, TRACEHARE_ADMIN_TOKEN_FILE: '' } });
    }),
    { numRuns: 500 },
  );
});

test('every valid configuration comes back the same from its own text', () => {
  const bounds = fc
    .uniqueArray(fc.double({ min: 0.0001, max: 1000, noNaN: true }), { minLength: 1, maxLength: 50 })
    .map((list) => list.sort((a, b) => a - b));
  const pipeline = fc.string({ minLength: 1, unit: 'grapheme' });
  fc.assert(
    fc.property(bounds, fc.nat(), pipeline, fc.boolean(), (latency, maxTopics, pipeline, bypass) => {
      const config = load({ yaml: stringify({ metrics: { maxTopics, buckets: { latency } }, pipeline, bypass }) });
      expect(config).toMatchObject({ metrics: { maxTopics, buckets: { latency } }, pipeline, bypass });
    }),
  );
});
