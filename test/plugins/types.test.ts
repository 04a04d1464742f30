import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run } from '../../testing/processes.ts';
import { folderOf } from './rig.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = (path: string): string => readFileSync(join(root, path), 'utf8');

test('what docs/plugins.md shows is the code itself', () => {
  const sources = ['examples/plugin/tenant.ts', 'examples/plugin/tracehare.yaml', 'src/plugins/plugin.ts'].map(text);
  const blocks = [...text('docs/plugins.md').matchAll(/^```\w+\n(.*?)^```/gms)].map(([, block]) => block);
  expect(blocks).toHaveLength(5);
  for (const block of blocks)
    expect(
      sources.some((source) => source.includes(block)),
      block,
    ).toBe(true);
});

test('the types that the package exports fit plugins, and only plugins', async () => {
  const folder = folderOf({
    'package.json': '{ "type": "module" }',
    'tenant.ts': text('examples/plugin/tenant.ts'),
    'uses.ts': `
      import type { ConnectionOpened, LifecycleEvent, Message, Plugin, PublishDecision } from 'tracehare';
      const decide = (message: Message): PublishDecision | undefined =>
        message.trace?.sampled ? { sample: true, headers: { remove: ['a'], replace: true } } : undefined;
      export const opened = (event: LifecycleEvent): ConnectionOpened | undefined =>
        event.type === 'connection.opened' ? event : undefined;
      export const all: Plugin = {
        counters: ['a'],
        onPublish: decide,
        onDeliver: ({ properties, headers }, { count }) => {
          if (properties.appId === headers.app) count('a', 2);
        },
        onEvent: (event) => {
          opened(event);
        },
      };
      // @ts-expect-error a promise
      export const later: Plugin = { onPublish: async () => ({}) };
      // @ts-expect-error an unknown key
      export const unknown: Plugin = { onPublish: () => ({ drop: true }) };
      // @ts-expect-error a delivery's headers
      export const delivery: Plugin = { onDeliver: () => ({ headers: {} }) };
      // @ts-expect-error a change of the message
      export const change: Plugin = { onPublish: (message) => { message.topic = ''; } };`,
  });
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules', 'tracehare'));
  const flags = '--noEmit --strict --module nodenext --target es2024 --verbatimModuleSyntax --skipLibCheck false';
  const { code, stdout } = await run(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), ...flags.split(' '), '--types', '', 'tenant.ts', 'uses.ts'],
    { cwd: folder },
  );
  expect(stdout.toString()).toBe('');
  expect(code).toBe(0);
});
