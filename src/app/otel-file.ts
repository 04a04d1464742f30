import type { AppLog } from './log.ts';

/**
 * Puts what the file of OTEL_CONFIG_FILE says in the place of all OTEL_* variables, which then count for nothing but what
 * the file itself asks them for. Loads nothing without one. Rejects with a clear line.
 */
export async function obeyConfigFile(env: NodeJS.ProcessEnv, log: AppLog): Promise<void> {
  const path = env.OTEL_CONFIG_FILE?.trim();
  if (path === undefined || path === '') return;
  const { readConfigFile } = await import('../telemetry/export/config-file.ts');
  const { variables, unused } = readConfigFile(path);
  for (const name of Object.keys(env)) if (name.startsWith('OTEL_')) delete env[name];
  Object.assign(env, variables);
  if (unused.length > 0)
    log.warn({ keys: unused }, `${path}: keys without effect here; docs/tracing.md lists those that have one`);
}
