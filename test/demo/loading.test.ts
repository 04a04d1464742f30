import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const dist = new URL('../../dist/', import.meta.url);
const code = new Map(
  readdirSync(dist)
    .filter((name) => name.endsWith('.js'))
    .map((name) => [name, readFileSync(new URL(name, dist), 'utf8')]),
);
/** Files of dist that have a part of this source; the bundler names the source above each part. */
const filesWith = (source: RegExp): string[] => [...code].filter(([, text]) => source.test(text)).map(([name]) => name);

/** What is loaded with these files, whether it is used or not. */
function loadedWith(names: string[]): string[] {
  const loaded = new Set<string>();
  const load = (name: string) => {
    if (loaded.has(name)) return;
    loaded.add(name);
    for (const [, next] of (code.get(name) ?? '').matchAll(/^(?:import|export) (?:[^'"\n]* from )?"\.\/([^"]+)";/gm))
      load(next);
  };
  names.forEach(load);
  return [...loaded];
}

test('a sidecar loads nothing of the demo', () => {
  const sidecar = loadedWith([
    ...filesWith(/^\/\/ src\/(cli\/(main|run|help|check)|app\/\w+|threads\/\w[\w-]*)\.ts$/m),
    'main.js',
  ]);
  const demo = filesWith(/^\/\/ (src\/demo\/|\S*node_modules\/amqplib\/)/m);
  expect(sidecar.length).toBeGreaterThan(10);
  expect(demo.length).toBeGreaterThan(3);
  expect(sidecar.filter((name) => demo.includes(name))).toEqual([]);
});
