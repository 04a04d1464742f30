// Makes one file of the built program and this very Node: release/tracehare-PLATFORM-ARCH, 150 MB, for machines without
// Node.
//
//   npm run executable [FILE]
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const loader = fileURLToPath(new URL('loader.cjs', import.meta.url));
const suffix = process.platform === 'win32' ? '.exe' : '';
const output = resolve(
  process.argv[2] ?? join(ROOT, 'release', `tracehare-${process.platform}-${process.arch}${suffix}`),
);

const files = readdirSync(join(ROOT, 'dist')).filter((name) => name.endsWith('.js') || name === 'licenses.txt');
const assets = Object.fromEntries(files.map((name) => [name, join(ROOT, 'dist', name)]));
const folder = mkdtempSync(join(tmpdir(), 'tracehare-executable-'));
try {
  mkdirSync(dirname(output), { recursive: true });
  const config = join(folder, 'sea.json');
  const sea = {
    main: loader,
    output,
    disableExperimentalSEAWarning: true,
    assets: { ...assets, 'loader.cjs': loader },
  };
  writeFileSync(config, JSON.stringify(sea));
  const { status, stderr } = spawnSync(process.execPath, ['--build-sea', config], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
} catch (error) {
  console.error(`executable: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
