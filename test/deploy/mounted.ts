import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container, PodSpec } from './manifests.ts';

/**
 * Lays out below `folder` what a container mounts, as the kubelet does: each file a link through `..data`.
 *
 * @param contents for each ConfigMap and Secret by its name: file name to text
 */
export function mount(
  folder: string,
  { volumeMounts }: Container,
  { volumes }: PodSpec,
  contents: Record<string, Record<string, string>>,
): void {
  for (const { name, mountPath } of volumeMounts) {
    const volume = volumes.find((each) => each.name === name);
    const source = volume?.configMap?.name ?? volume?.secret?.secretName;
    if (source === undefined || contents[source] === undefined) throw new Error(`nothing to mount for ${name}`);
    const at = join(folder, mountPath);
    mkdirSync(join(at, '..version'), { recursive: true });
    symlinkSync('..version', join(at, '..data'));
    for (const [file, text] of Object.entries(contents[source])) {
      writeFileSync(join(at, '..version', file), text);
      symlinkSync(join('..data', file), join(at, file));
    }
  }
}

/** The container's variables as its process would see them, paths below `folder` and on ports that are free. */
export function environment(
  folder: string,
  { env }: Container,
  fields: Record<string, string>,
): Record<string, string> {
  const seen: Record<string, string> = {};
  for (const { name, value, valueFrom } of env) {
    const given = value ?? fields[valueFrom?.fieldRef.fieldPath as string] ?? '';
    seen[name] = given
      .replace(/\$\((\w+)\)/g, (reference, other) => seen[other] ?? reference)
      .replace(/^\/etc\//, `${folder}/etc/`);
  }
  for (const name of ['TRACEHARE_LISTEN', 'TRACEHARE_ADMIN']) seen[name] = seen[name].replace(/:\d+$/, ':0');
  return seen;
}
