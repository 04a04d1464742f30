// Makes what a release consists of, in release/: the package, what it is made of (SBOM), an executable and checksums.
//
//   npm run release
//
// It publishes nothing: it says how that is done, and by whom (docs/releasing.md).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { audit } from './audit.ts';
import { bundledSbom } from './bundled-sbom.ts';
import { licensed, notAllowed } from './licenses.ts';
import { PUBLISHED } from './names.ts';
import { versionsThatDiffer } from './versions.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MOST_PACKED_BYTES = 1_500_000;

const text = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const { version, dependencies = {} } = JSON.parse(text('package.json'));

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) stop(`${command} ${args.join(' ')} failed:\n${stderr || stdout}`);
  return stdout;
}

function stop(why: string): never {
  console.error(`release: ${why}`);
  process.exit(1);
}

const differing = versionsThatDiffer(version);
if (differing.length > 0) stop(`package.json says ${version}, but ${differing.join(', ')} does not`);
const isClean = run('git', 'status', '--porcelain') === '';

console.log(
  `release: ${version}, from ${run('git', 'rev-parse', '--short', 'HEAD').trim()}${isClean ? '' : ' with changes that are not committed'}`,
);
rmSync(`${ROOT}/release`, { recursive: true, force: true });
mkdirSync(`${ROOT}/release`);
run('npm', 'run', '-s', 'build');

interface Packed {
  filename: string;
  size: number;
  unpackedSize: number;
  files: { path: string; mode: number }[];
}
const [packed]: Packed[] = JSON.parse(run('npm', 'pack', '--json', '--pack-destination', 'release'));
const wrong = faultsOf(packed);
if (wrong.length > 0) stop(`${packed.filename}: ${wrong.join('; ')}`);

const everything = JSON.parse(run('npm', 'sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'));
const sbom = bundledSbom(everything, text('dist/licenses.txt'));
const bundled = licensed(text('dist/licenses.txt'));
const strangers = notAllowed(bundled);
if (strangers.length > 0)
  stop(`licenses that nobody has allowed (scripts/release/licenses.ts): ${strangers.join(', ')}`);
const without = bundled.filter(({ name }) => !sbom.components.some((component) => component.name === name));
if (without.length > 0)
  stop(`bundled, but not in the bill of materials: ${without.map(({ name }) => name).join(', ')}`);
copyFileSync(`${ROOT}/dist/licenses.txt`, `${ROOT}/release/tracehare-${version}.licenses.txt`);
const advisories = audit(ROOT);
if (advisories.vulnerable) stop(`audit: ${advisories.said}`);
writeFileSync(`${ROOT}/release/tracehare-${version}.cdx.json`, `${JSON.stringify(sbom, null, 2)}\n`);

run(process.execPath, 'scripts/executable/main.ts');

const sums = readdirSync(`${ROOT}/release`).map(
  (name) =>
    `${createHash('sha256')
      .update(readFileSync(`${ROOT}/release/${name}`))
      .digest('hex')}  ${name}\n`,
);
writeFileSync(`${ROOT}/release/SHA256SUMS`, sums.join(''));

console.log(`release: release/${packed.filename}, ${packed.files.length} files, ${packed.size} bytes, ${packed.unpackedSize} installed
release: release/tracehare-${version}.cdx.json, ${sbom.components.length} packages that are within it
release: release/tracehare-${version}.licenses.txt, their licenses, all of them allowed
release: audit: ${advisories.said}
release: release/tracehare-${process.platform}-${process.arch}, with the Node that made it, ${process.version}
release: release/SHA256SUMS

Published by CI, which alone can say where it was built (package.json asks for provenance, so npm refuses elsewhere):
  npm publish release/${packed.filename}
  docker buildx build --provenance=mode=max --sbom=true -t ${PUBLISHED.image}:${version} --push .
  helm package deploy/helm/tracehare && helm push tracehare-${version}.tgz ${PUBLISHED.chart.replace(/\/[^/]+$/, '')}`);

function faultsOf({ files, size }: Packed): string[] {
  const paths = files.map(({ path }) => path);
  const faults: string[] = [];
  for (const wanted of [
    'LICENSE',
    'README.md',
    'package.json',
    'dist/main.js',
    'dist/traffic.js',
    'dist/licenses.txt',
  ]) {
    if (!paths.includes(wanted)) faults.push(`${wanted} is missing`);
  }
  const strange = paths.find(
    (path) => path.endsWith('.map') || !/^(dist\/.*|LICENSE|README\.md|package\.json)$/.test(path),
  );
  if (strange !== undefined) faults.push(`${strange} does not belong in it`);
  if (Object.keys(dependencies).length > 0) faults.push('what is bundled would be installed again (dependencies)');
  if (!text('dist/main.js').startsWith('#!/usr/bin/env node')) faults.push('dist/main.js is no command');
  if (size > MOST_PACKED_BYTES) faults.push(`${size} bytes are too many`);
  return faults;
}
