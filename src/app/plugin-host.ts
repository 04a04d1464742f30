import type { EventBus } from '../events/bus.ts';
import { PluginFigures, pluginMemory } from '../plugins/figures.ts';
import { type LoadedPlugin, loadPlugins, type PluginSettings } from '../plugins/load.ts';
import { eventListenerOf } from '../plugins/plugins.ts';
import type { Exposition } from '../telemetry/exposition/exposition.ts';
import { REGISTERED } from '../telemetry/exposition/sidecar-metrics.ts';
import type { Plugins } from '../threads/control.ts';
import type { Logger } from './log.ts';

/** The plugins on the main thread, where they hear events, and what all threads count of them. */
export class PluginHost {
  /** for the traffic threads */
  readonly shared: Plugins;
  readonly #plugins: readonly LoadedPlugin[];
  readonly #figures: PluginFigures;
  readonly #log: Logger;

  /** Rejects with PluginError. `from` is the configuration file, `threads` the number of traffic threads. */
  static async load(
    plugins: readonly PluginSettings[],
    { from, threads, log }: { from: string; threads: number; log: Logger },
  ): Promise<PluginHost> {
    const loaded = await loadPlugins(plugins, from);
    for (const { name, hooks, settings } of loaded)
      log.info({ plugin: name, module: settings.module, hooks }, 'plugin loaded');
    return new PluginHost(loaded, { from, memory: pluginMemory(plugins.length, threads + 1) }, log);
  }

  private constructor(plugins: readonly LoadedPlugin[], shared: Plugins, log: Logger) {
    this.shared = shared;
    this.#plugins = plugins;
    this.#figures = new PluginFigures(shared.memory, plugins.length);
    this.#log = log;
  }

  observe(bus: EventBus): void {
    const report = (message: string): void => this.#log.warn(message);
    const listener = eventListenerOf(this.#plugins, { thread: 0, figures: this.#figures, report });
    if (listener !== undefined) bus.onEvery(listener);
  }

  register(exposition: Exposition): void {
    const figures = this.#figures;
    const hooks = this.#plugins.flatMap(({ name, hooks }, index) => hooks.map((hook) => ({ name, index, hook })));
    const troubles = (kind: 'errors' | 'over_budget') =>
      hooks.map(({ name, index, hook }) => ({
        labels: { plugin: name, hook },
        value: figures.total(index, hook, kind),
      }));
    exposition.register(REGISTERED.pluginErrors, () => troubles('errors'));
    exposition.register(REGISTERED.pluginOverBudget, () => troubles('over_budget'));
    exposition.register(REGISTERED.pluginCounts, () =>
      this.#plugins.flatMap(({ name, counters }, index) =>
        counters.map((counter, place) => ({
          labels: { plugin: name, counter },
          value: figures.counted(index, place),
        })),
      ),
    );
  }
}
