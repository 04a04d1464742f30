import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { type Hook, hooks, MOST_COUNTERS } from './figures.ts';
import { oneLine } from './hook.ts';
import { nameOf } from './name.ts';
import type { Plugin } from './plugin.ts';

/** An entry of `plugins` in the configuration. */
export interface PluginSettings {
  /** path, relative to the configuration file, or name of a package that is found from there */
  module: string;
  name?: string;
  options: Readonly<Record<string, unknown>>;
  /** ms a call of a hook may take */
  budget: number;
}

export interface LoadedPlugin {
  settings: PluginSettings;
  /** value of the label */
  name: string;
  hooks: readonly Hook[];
  counters: readonly string[];
  plugin: Plugin;
}

/** A plugin that can't be used, in one line. */
export class PluginError extends Error {
  override readonly name = 'PluginError';
  /** survives the way from another thread */
  readonly code = 'ERR_PLUGIN';
}

const LONGEST_COUNTER = 100;

/** Imports them all, from where the configuration file `from` is. Rejects with PluginError. */
export async function loadPlugins(plugins: readonly PluginSettings[], from: string): Promise<LoadedPlugin[]> {
  const loaded: LoadedPlugin[] = [];
  for (const settings of plugins) {
    const { module } = settings;
    let plugin: Plugin;
    try {
      plugin = await importFrom(module, from);
    } catch (error) {
      throw new PluginError(`plugin ${module}: can't be loaded, as seen from ${from}: ${reason(error)}`);
    }
    const problem = problemOf(plugin);
    if (problem !== undefined) throw new PluginError(`plugin ${module}: ${problem}`);
    const { counters = [] } = plugin;
    loaded.push({ settings, name: nameOf(settings), hooks: hooksOf(plugin), counters: [...counters], plugin });
  }
  return loaded;
}

/** As if the import stood in a module beside `from`. */
async function importFrom(module: string, from: string): Promise<Plugin> {
  const parentURL = pathToFileURL(from).href;
  const resolving = registerHooks({
    resolve: (specifier, context, next) =>
      next(
        specifier,
        specifier === module && context.parentURL === import.meta.url ? { ...context, parentURL } : context,
      ),
  });
  try {
    return await import(module);
  } finally {
    resolving.deregister();
  }
}

function reason(error: unknown): string {
  // Node keeps the place of a syntax error from us
  return oneLine(error) + (error instanceof SyntaxError ? '; node --check tells where' : '');
}

const hooksOf = (plugin: Plugin): Hook[] => hooks.filter((hook) => plugin[hook] !== undefined);

function problemOf(plugin: Plugin): string | undefined {
  const found = hooksOf(plugin);
  if (found.length === 0)
    return `exports none of ${hooks.join(', ')}; export at least one of these functions by its name`;
  const odd = found.find((hook) => typeof plugin[hook] !== 'function');
  if (odd !== undefined) return `its export ${odd} is no function`;
  const { counters } = plugin;
  const fine =
    counters === undefined ||
    (Array.isArray(counters) &&
      counters.length <= MOST_COUNTERS &&
      new Set(counters).size === counters.length &&
      counters.every((name) => typeof name === 'string' && name !== '' && name.length <= LONGEST_COUNTER));
  return fine ? undefined : `its export counters is no list of up to ${MOST_COUNTERS} different names`;
}
