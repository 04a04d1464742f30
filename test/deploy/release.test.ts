import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { bundledSbom, type Sbom } from '../../scripts/release/bundled-sbom.ts';
import { PUBLISHED } from '../../scripts/release/names.ts';
import { versionsThatDiffer } from '../../scripts/release/versions.ts';
import { run } from '../../testing/processes.ts';

const root = new URL('../..', import.meta.url);
const text = (path: string) => readFileSync(new URL(path, root), 'utf8');
const manifest = JSON.parse(text('package.json'));

test('all that names the version names the same', () => {
  expect(versionsThatDiffer(manifest.version)).toEqual([]);
  expect(versionsThatDiffer('99.0.0')).toHaveLength(5);
});

test('the names of a release are those of package and chart, and docs/releasing.md has them', () => {
  expect(PUBLISHED.package).toBe(manifest.name);
  expect(text('deploy/helm/tracehare/Chart.yaml')).toContain(`\nname: ${PUBLISHED.chart.split('/').at(-1)}\n`);
  for (const name of Object.values(PUBLISHED)) expect(text('docs/releasing.md')).toContain(`\`${name}\``);
});

test('the bill of materials has what is bundled, each with its license, and nothing else', async () => {
  const { code, stdout, stderr } = await run('npm', ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'], {
    cwd: root,
  });
  expect(code, stderr).toBe(0);
  const licenses = text('dist/licenses.txt');
  const sbom = bundledSbom(JSON.parse(stdout.toString()) as Sbom, licenses);
  const names = sbom.components.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['pino', 'prom-client', 'zod', 'yaml', 'amqplib', '@grpc/grpc-js']));
  for (const tool of ['vitest', 'typescript', '@biomejs/biome', 'rolldown']) expect(names).not.toContain(tool);
  const bundled = licenses
    .split('\n')
    .filter((line) => /^(@[\w-]+\/)?[\w.-]+ \d+\.\d+\.\d+\S*, [\w. ()-]+$/.test(line));
  expect(names.length).toBe(bundled.length);
});
