import type { LifecycleEvent } from '../events/lifecycle.ts';
import type { Middleware } from '../proxy/plane/middleware.ts';
import type { Hook, PluginFigures } from './figures.ts';
import { PluginHook } from './hook.ts';
import type { LoadedPlugin } from './load.ts';
import { createMiddleware } from './middleware.ts';
import type { Message, PluginContext } from './plugin.ts';

export interface ThreadOptions {
  /** 0: the main thread */
  thread: number;
  figures: PluginFigures;
  report: (message: string) => void;
}

/** The hooks of a traffic thread; undefined if no plugin has one. */
export function middlewareOf(plugins: readonly LoadedPlugin[], options: ThreadOptions): Middleware | undefined {
  const of = (hook: Hook) => hooked<Message>(plugins, hook, options);
  const [publish, deliver] = [of('onPublish'), of('onDeliver')];
  return publish.length + deliver.length === 0 ? undefined : createMiddleware(publish, deliver);
}

/** The hooks of the main thread as one listener. */
export function eventListenerOf(
  plugins: readonly LoadedPlugin[],
  options: ThreadOptions,
): ((event: LifecycleEvent) => void) | undefined {
  const listening = hooked<LifecycleEvent>(plugins, 'onEvent', options);
  if (listening.length === 0) return undefined;
  const ignore = (): void => {};
  return (event) => {
    Object.freeze(event);
    for (const hook of listening) hook.call(event, ignore);
  };
}

function hooked<I>(
  plugins: readonly LoadedPlugin[],
  hook: Hook,
  { thread, figures, report }: ThreadOptions,
): PluginHook<I>[] {
  return plugins.flatMap((loaded, index) => {
    const { name, settings, plugin, hooks } = loaded;
    if (!hooks.includes(hook)) return [];
    return new PluginHook<I>({
      plugin: name,
      hook,
      call: plugin[hook] as (input: unknown, context: PluginContext) => unknown,
      context: contextOf(loaded, (counter, by) => figures.count(thread, index, counter, by)),
      budget: settings.budget,
      figures: figures.hook(thread, index, hook),
      report,
    });
  });
}

function contextOf({ settings, counters }: LoadedPlugin, count: (counter: number, by: number) => void): PluginContext {
  return Object.freeze({
    options: Object.freeze(settings.options),
    count(counter: string, by = 1) {
      const index = counters.indexOf(counter);
      if (index < 0) throw new Error(`count: '${counter}' is not among its counters (${counters.join(', ')})`);
      if (!(by >= 0 && by < Infinity)) throw new RangeError(`count: by is ${by}; expects 0 or more`);
      count(index, by);
    },
  });
}
