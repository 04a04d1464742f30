import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commandPath } from '../../scripts/provision.mjs';
import { loadConfig } from '../../src/config/load.ts';
import { configFile } from '../../src/config/settings.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { run } from '../../testing/processes.ts';
import { CLOSING, deploy } from './manifests.ts';

const unit = readFileSync(join(deploy, 'systemd/tracehare.service'), 'utf8');
const setting = (key: string) => unit.match(new RegExp(`^${key}=(.*)$`, 'm'))?.[1] ?? '';

/** What systemd has to say about a text of the unit. */
async function complaints(text: string): Promise<string> {
  const analyze = commandPath('systemd-analyze');
  if (analyze === undefined) throw new Error('no systemd-analyze found: run `node scripts/provision.mjs systemd`');
  const folder = temporaryFolder('systemd');
  const file = join(folder.path, 'tracehare.service');
  // it looks for the program, and Node is wherever it is
  writeFileSync(file, text.replace('/usr/bin/node', process.execPath));
  const { stderr } = await run(analyze, ['verify', '--man=no', file]);
  folder.remove();
  // it looks at all units that this one wants, too
  return stderr
    .split('\n')
    .filter((line) => line.includes('tracehare.service'))
    .join('\n');
}

test('systemd accepts the unit, and would not accept a key it does not know', async () => {
  expect(await complaints(unit)).toBe('');
  expect(await complaints(unit.replace('ProtectSystem=', 'ProtectSistem='))).toContain('ProtectSistem');
});

test('the unit runs what the package installs, and waits for the drain', () => {
  const { bin } = JSON.parse(readFileSync(join(deploy, '../package.json'), 'utf8'));
  const words = setting('ExecStart').split(' ');
  // Node's own flags stand before the program, ours behind it
  expect(words[words.indexOf(`/opt/tracehare/${bin.tracehare}`) + 1]).toBe(`--${configFile.flag}`);
  expect(existsSync(join(deploy, '../README.md'))).toBe(true);
  const { drain } = loadConfig({ argv: [], env: {} });
  expect(Number(setting('TimeoutStopSec'))).toBeGreaterThanOrEqual(drain.timeout / 1000 + CLOSING);
});
