import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startTracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { tracehare } from '../cli/built.ts';
import { atEnd } from '../process/closing.ts';
import { RESTART, reloaded } from '../reload/rig.ts';
import { folderOf } from './rig.ts';

const none = 'export const onpublish = () => {};';

/** A folder with these modules, and a configuration that names one of them. */
function configured(module: string, files: Record<string, string>): string {
  return join(folderOf({ ...files, 'tracehare.yaml': `plugins:\n  - module: '${module}'\n` }), 'tracehare.yaml');
}

describe('a plugin that can not be used is one clear line at the start, exit 2', () => {
  const cases: [string, string, Record<string, string>, RegExp][] = [
    ['no such package', 'no-such-package', {}, /can't be loaded.*: Cannot find package 'no-such-package'/],
    ['no module', './bad.js', { 'bad.js': 'export const = 1;' }, /can't be loaded.*; node --check tells where$/],
    ['no hook', './bad.js', { 'bad.js': none }, /exports none of onPublish, onDeliver, onEvent; export at least one/],
    [
      'counters',
      './bad.js',
      { 'bad.js': "export const counters = ['a', 'a'];\nexport function onEvent() {}" },
      /its export counters is no list of up to 50 different names$/,
    ],
    [
      'on a traffic thread only',
      './bad.js',
      {
        'bad.js': `import { isMainThread } from 'node:worker_threads';
          if (!isMainThread) throw new Error('main\\nthread only');
          export function onPublish() {}`,
      },
      /can't be loaded.*: main thread only$/,
    ],
  ];
  for (const [name, module, files, line] of cases) {
    test(name, async () => {
      const file = configured(module, files);
      const { code, stderr } = await tracehare(['--config', file, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']);
      expect(code).toBe(2);
      const lines = stderr.split('\n').filter((text) => text.startsWith('tracehare: '));
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(line);
      expect(lines[0].startsWith(`tracehare: plugin ${module}: `)).toBe(true);
    });
  }
});

test('a plugin that is not there is told as check tells it, exit 2', async () => {
  const file = configured('./gone.js', {});
  const { code, stderr } = await tracehare(['--config', file]);
  const what = `plugins[0].module: ./gone.js: no such file, as seen from ${file}`;
  expect({ code, stderr }).toEqual({ code: 2, stderr: `tracehare: ${file}:2:13: ${what}\n` });
});

describe('tracehare check', () => {
  async function check(config: string, files: Record<string, string> = {}): Promise<string[]> {
    const folder = folderOf({ ...files, 'tracehare.yaml': config });
    const { stderr } = await tracehare(['check', join(folder, 'tracehare.yaml')]);
    return stderr
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.slice(folder.length + 1));
  }

  test('names what is wrong with the section, and files that are not there', async () => {
    expect(await check('plugins:\n  - module: ./gone.js\n    budget: 5\n    option: {}\n')).toEqual([
      'tracehare.yaml:3:13: plugins[0].budget: expects a number with a unit (ms, s, m or h), such as 250ms or 10s',
      'tracehare.yaml:4:5: plugins[0]: unknown key `option`, did you mean `options`?',
    ]);
    expect(await check('plugins:\n  - module: ./gone.js\n')).toEqual([
      expect.stringMatching(/^tracehare\.yaml:2:13: plugins\[0\]\.module: \.\/gone\.js: no such file, as seen from /),
    ]);
    expect(await check('plugins:\n  - module: gone.js\n')).toEqual([
      'tracehare.yaml:2:13: plugins[0].module: names a package; a file beside this one is ./gone.js',
    ]);
    const [twice] = await check('plugins:\n  - module: ./a.js\n  - module: ../b/a.mjs\n', { 'a.js': none });
    expect(twice).toMatch(
      /plugins\[1\]\.module: has the name a, as plugins\[0\] has; give one of them another with the key name$/,
    );
  });

  test('runs no code of a plugin', async () => {
    expect(await check('plugins:\n  - module: ./a.js\n', { 'a.js': "throw new Error('ran');" })).toEqual([]);
  });
});

test('a package is found from the configuration file, also one for import alone', async () => {
  const file = configured('@acme/tenants', {});
  const folder = join(file, '..', 'node_modules', '@acme', 'tenants');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "exports": { "import": "./plugin.js" } }');
  writeFileSync(join(folder, 'plugin.js'), 'export const onPublish = () => {};');
  const sidecar = await startTracehare({ args: ['--config', file] });
  atEnd(() => sidecar.kill());
  expect(sidecar.log).toContainEqual(
    expect.objectContaining({ msg: 'plugin loaded', plugin: '@acme/tenants', hooks: ['onPublish'] }),
  );
  const metrics = await sidecar.metrics();
  for (const name of ['tracehare_plugin_errors_total', 'tracehare_plugin_over_budget_total'])
    expect(metrics.value(name, { plugin: '@acme/tenants', hook: 'onPublish' })).toBe(0);
});

test('a reload names changed plugins as what needs a restart, and leaves them as they were', async () => {
  const file = configured('./a.js', { 'a.js': 'export function onPublish() {}' });
  const sidecar = await startTracehare({ args: ['--config', file] });
  atEnd(() => sidecar.kill());
  const line = await reloaded(sidecar, () => writeFileSync(file, 'pipeline: other\n'));
  expect(line.changed).toEqual(['pipeline']);
  const told = await until(() => sidecar.log.find(({ msg }) => msg === RESTART), 'it is told');
  expect(told).toMatchObject({ settings: ['plugins'] });
  const metrics = await sidecar.metrics();
  expect(metrics.value('tracehare_plugin_errors_total', { plugin: 'a', hook: 'onPublish' })).toBe(0);
});
