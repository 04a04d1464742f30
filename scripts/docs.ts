/** Writes every generated page of docs/: `npm run docs`. A test fails when one of them drifts. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { jsonSchema } from '../src/config/json-schema.ts';
import { configurationPage } from './configuration-page.ts';
import { metricsPage } from './metrics-reference.ts';
import { tracingPage } from './otel-variables.ts';

export interface Page {
  /** below docs/ */
  file: string;
  render(): string | Promise<string>;
}

export const pages: Page[] = [
  { file: 'configuration.md', render: configurationPage },
  { file: 'metrics.md', render: metricsPage },
  { file: 'tracing.md', render: tracingPage },
  { file: 'tracehare.schema.json', render: () => JSON.stringify(jsonSchema(), null, 2) },
];

const docs = fileURLToPath(new URL('../docs/', import.meta.url));
const biome = fileURLToPath(new URL('../node_modules/.bin/biome', import.meta.url));

/** The page as it belongs into docs/, formatted as the linter wants it. */
export async function rendered({ file, render }: Page): Promise<string> {
  const input = await render();
  return execFileSync(biome, ['format', `--stdin-file-path=${docs}${file}`], { input, cwd: docs, encoding: 'utf8' });
}

export function committed(file: string): string {
  return readFileSync(`${docs}${file}`, 'utf8');
}

if (import.meta.main) for (const page of pages) writeFileSync(`${docs}${page.file}`, await rendered(page));
