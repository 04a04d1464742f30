import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readAudit } from '../../scripts/release/audit.ts';
import { bundledSbom, type Sbom } from '../../scripts/release/bundled-sbom.ts';
import { licensed, notAllowed } from '../../scripts/release/licenses.ts';
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
  expect(names.length).toBe(licensed(licenses).length);
});

test('all that is bundled has a license that may go with it', () => {
  const bundled = licensed(text('dist/licenses.txt'));
  expect(bundled.length).toBeGreaterThan(10);
  expect(notAllowed(bundled)).toEqual([]);
});

test.each([
  ['MIT', true],
  ['(MIT OR GPL-3.0-only)', true],
  ['MIT AND Apache-2.0', true],
  ['MIT AND GPL-3.0-only', false],
  ['GPL-3.0-only', false],
  ['SEE LICENSE IN LICENSE', false],
  ['undefined', false],
])('a package under %s may be bundled: %j', (license, may) => {
  const [one, ...more] = licensed(`@a/b-c 1.2.3-rc.1, ${license}\n\nits text, with commas\n`);
  expect([one, more]).toEqual([{ name: '@a/b-c', version: '1.2.3-rc.1', license }, []]);
  expect(notAllowed([one])).toEqual(may ? [] : [`@a/b-c 1.2.3-rc.1: ${license}`]);
});

test.each([
  [
    { metadata: { vulnerabilities: {}, dependencies: { total: 7 } }, vulnerabilities: {} },
    'no advisory about any of 7 packages',
    false,
  ],
  [
    { metadata: { vulnerabilities: {}, dependencies: { total: 7 } }, vulnerabilities: { left: { severity: 'high' } } },
    'advisories about left (high); npm audit has them',
    true,
  ],
  [
    { message: '405 Method Not Allowed - POST https://x' },
    'NOT DONE, the registry does not answer for advisories: 405 Method Not Allowed',
    false,
  ],
])('npm audit saying %j: %s', (output, said, vulnerable) => {
  expect(readAudit(JSON.stringify(output))).toEqual({ said, vulnerable });
});
