import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../testing/folder.ts';
import { until } from '../../testing/wait.ts';
import { atEnd } from '../process/closing.ts';
import { startRig } from '../process/rig.ts';
import { counts, ends, reloaded, startReloadRig } from './rig.ts';

const topic = (name: string) => `rules: [{ match: { exchange: amq.topic }, topic: ${name} }]\n`;

test('what is wrong changes nothing, and one line says where it is', async () => {
  const { sidecar, write, file, app } = await startReloadRig('log: { level: debug }\n');
  const start = await counts(sidecar);
  expect(start).toMatchObject({ success: 0, failure: 0, successful: 1 });
  expect(Math.abs(start.at - Date.now() / 1000)).toBeLessThan(600);
  const line = await reloaded(sidecar, () => write('log: { level: error }\ndrain:\n  timeout: 10\nlisen: x\n'));
  expect(line).toMatchObject({
    level: 'error',
    problems: [
      `${file}:3:12: drain.timeout: expects a number with a unit (ms, s, m or h), such as 250ms or 10s`,
      `${file}:4:1: unknown key \`lisen\`, did you mean \`listen\`?`,
    ],
  });
  expect(await counts(sidecar)).toEqual({ success: 0, failure: 1, successful: 0, at: start.at });
  await (await app()).close();
  await until(() => sidecar.log.some(({ msg }) => msg === 'connected'), 'level debug is still in force');
  expect(await reloaded(sidecar, () => write('log: { level: debug }\n'))).toMatchObject({ level: 'info', changed: [] });
  const after = await counts(sidecar);
  expect(after).toMatchObject({ success: 1, failure: 1, successful: 1 });
  expect(after.at).toBeGreaterThan(start.at);
});

test('SIGHUP reads it again, changed or not; a file that only looks changed is left alone', async () => {
  const { sidecar, write } = await startReloadRig(topic('one'));
  await reloaded(sidecar, () => sidecar.signal('SIGHUP'));
  write(topic('one'));
  await reloaded(sidecar, () => sidecar.signal('SIGHUP'));
  expect(await counts(sidecar)).toMatchObject({ success: 2, failure: 0 });
  // were the rewritten file another reload, this one would come third
  await reloaded(sidecar, () => write(topic('two')));
  expect(ends(sidecar).map(({ changed }) => changed)).toEqual([[], [], ['rules']]);
});

test('SIGHUP without a configuration file does no harm', async () => {
  const { sidecar } = await startRig();
  await reloaded(sidecar, () => sidecar.signal('SIGHUP'));
  expect(await counts(sidecar)).toMatchObject({ success: 1, failure: 0 });
});

test('a ConfigMap is swapped under its link: read again, each time', async () => {
  const folder = temporaryFolder('configmap');
  atEnd(() => folder.remove());
  const inFolder = (...names: string[]) => join(folder.path, ...names);
  // as the kubelet does it: a directory a version, a link to it replaced by renaming, links of files through it
  const mount = (version: string, text: string): void => {
    mkdirSync(inFolder(version));
    writeFileSync(inFolder(version, 'tracehare.yaml'), text);
    symlinkSync(version, inFolder('..data_tmp'));
    renameSync(inFolder('..data_tmp'), inFolder('..data'));
  };
  mount('..one', topic('one'));
  symlinkSync('..data/tracehare.yaml', inFolder('tracehare.yaml'));
  const { sidecar } = await startRig({ args: ['--config', inFolder('tracehare.yaml')] });
  for (const version of ['..two', '..three', '..four']) {
    expect((await reloaded(sidecar, () => mount(version, topic(version.slice(2))))).changed).toEqual(['rules']);
  }
  expect(await counts(sidecar)).toMatchObject({ success: 3, failure: 0 });
});
