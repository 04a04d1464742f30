import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sections, settings, written } from '../../src/config/settings.ts';
import { deploy } from './manifests.ts';

const docs = join(deploy, '../docs');
const text = (name: string) => readFileSync(join(docs, name), 'utf8');
const operations = text('operations.md');

test('the page tells of every limit, with its default', () => {
  const limits = settings.filter(({ name }) => /^limits\.|\.max[A-Z]/.test(name));
  expect(limits.map(({ name }) => name)).toContain('limits.losses');
  for (const { name, default: value } of limits) {
    const row = operations.split('\n').find((line) => line.startsWith(`| \`${name}\` `));
    expect(row, name).toBeDefined();
    expect(row?.split('|')[2].trim().replaceAll(',', ''), name).toBe(written(value));
  }
});

test.each(['operations.md', 'kubernetes.md'])('%s names only metrics, settings and files that there are', (page) => {
  const known = `${text('metrics.md')} up process_cpu_seconds_total process_resident_memory_bytes nodejs_eventloop_lag_seconds`;
  for (const [, name] of text(page).matchAll(
    /\b((?:tracehare|event|process|nodejs)_[a-z_]+(?:_total|_seconds|_bytes|_up))\b/g,
  ))
    expect(known).toContain(name);
  const names = [...settings, ...sections].map(({ name }) => name);
  const parts = '(limits|metrics|tracing|drain|loss|listen|upstream)';
  for (const [, name] of text(page).matchAll(new RegExp(`\`(${parts}\\.[a-zA-Z.]+)[\`:]`, 'g')))
    expect(names, name).toContain(name);
  for (const [, path] of text(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g))
    expect(existsSync(join(docs, path)), path).toBe(true);
});
