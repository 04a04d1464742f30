import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../testing/folder.ts';
import type { LogLine, Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { atEnd } from '../process/closing.ts';
import { type Rig, startRig } from '../process/rig.ts';

export interface ReloadRig extends Rig {
  /** the configuration file */
  file: string;
  /** Replaces the file's content in one step, as an editor or a deployment does. */
  write(text: string): void;
}

/** A sidecar whose configuration file can be changed. */
export async function startReloadRig(text: string, args: string[] = []): Promise<ReloadRig> {
  const folder = temporaryFolder('reload');
  atEnd(() => folder.remove());
  const file = join(folder.path, 'tracehare.yaml');
  const write = (text: string): void => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  write(text);
  const rig = await startRig({ args: ['--config', file, ...args] });
  return { ...rig, file, write };
}

const DONE = 'configuration reloaded';
const FAILED = 'configuration not reloaded, the last good one stays';
export const RESTART = 'changed settings that only a restart applies';

/** The lines of the log that tell how reloads ended. */
export function ends({ log }: Tracehare): LogLine[] {
  return log.filter(({ msg }) => msg === DONE || msg === FAILED);
}

/** Makes a change and waits for the reload that comes of it; its line in the log. */
export async function reloaded(sidecar: Tracehare, change: () => unknown): Promise<LogLine> {
  const before = ends(sidecar).length;
  await change();
  return until(
    () => ends(sidecar)[before],
    () => `it reloads; its log is ${JSON.stringify(sidecar.log)}`,
  );
}

export interface Counts {
  success: number | undefined;
  failure: number | undefined;
  /** 1: what is in force is what was read last */
  successful: number | undefined;
  /** seconds since the epoch */
  at: number;
}

export async function counts(sidecar: Tracehare): Promise<Counts> {
  const metrics = await sidecar.metrics();
  return {
    success: metrics.value('tracehare_config_reloads_total', { result: 'success' }),
    failure: metrics.value('tracehare_config_reloads_total', { result: 'failure' }),
    successful: metrics.value('tracehare_config_last_reload_successful'),
    at: metrics.value('tracehare_config_last_reload_success_timestamp_seconds') as number,
  };
}
