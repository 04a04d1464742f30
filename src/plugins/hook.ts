import type { Hook, HookFigures } from './figures.ts';
import type { PluginContext } from './plugin.ts';

export interface HookOptions<I> {
  plugin: string;
  hook: Hook;
  call: (input: I, plugin: PluginContext) => unknown;
  context: PluginContext;
  /** ms a call may take */
  budget: number;
  figures: HookFigures;
  /** takes a line for the log */
  report: (message: string) => void;
}

const PROMISE =
  'returned a promise: hooks are synchronous, because the message waits for them; decide at once, and do slow work elsewhere';

/** One hook of one plugin on one thread, called so that it can't throw and its time is known. */
export class PluginHook<I> {
  readonly #options: HookOptions<I>;

  constructor(options: HookOptions<I>) {
    this.#options = options;
  }

  /** `take` gets what the hook returned; what it throws is the plugin's error too. */
  call(input: I, take: (returned: unknown) => void): void {
    const { call, context, budget, figures } = this.#options;
    const before = performance.now();
    try {
      const returned = call(input, context);
      if (isPromise(returned)) throw new Error(PROMISE);
      take(returned);
    } catch (error) {
      figures.failed();
      if (figures.mayReport('errors')) this.#tell(`failed and was skipped: ${oneLine(error)}`, 'errors');
    }
    const took = performance.now() - before;
    if (took <= budget) return;
    figures.overBudget();
    if (figures.mayReport('over_budget'))
      this.#tell(`took ${took.toFixed(1)} ms, its budget is ${budget} ms: traffic waited for it`, 'over_budget');
  }

  #tell(what: string, counter: string): void {
    const { plugin, hook, report } = this.#options;
    report(`plugin ${plugin}: ${hook} ${what} (told once a minute, counted in tracehare_plugin_${counter}_total)`);
  }
}

function isPromise(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('then' in value) || typeof value.then !== 'function')
    return false;
  // nobody waits for it: without this, its rejection would end the process
  Promise.resolve(value).catch(() => {});
  return true;
}

/** Never throws, whatever was thrown. */
export function oneLine(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error)
      .replace(/\s*\n\s*/g, ' ')
      .slice(0, 500);
  } catch {
    return 'something that is no error';
  }
}
