import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../testing/folder.ts';
import { atEnd } from '../process/closing.ts';
import { type Rig, startRig } from '../process/rig.ts';

/** A folder with these files. */
export function folderOf(files: Record<string, string>): string {
  const { path, remove } = temporaryFolder('plugins');
  atEnd(remove);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

/** A sidecar with the configuration `tracehare.yaml` of these files. */
export function startPluginRig(
  files: { 'tracehare.yaml': string } & Record<string, string>,
  options: { args?: string[]; env?: Record<string, string> } = {},
): Promise<Rig> {
  const folder = folderOf(files);
  return startRig({ ...options, args: ['--config', join(folder, 'tracehare.yaml'), ...(options.args ?? [])] });
}
