export const hooks = ['onPublish', 'onDeliver', 'onEvent'] as const;
export type Hook = (typeof hooks)[number];

type Kind = 'errors' | 'over_budget';
const kinds: readonly Kind[] = ['errors', 'over_budget'];

export const MOST_COUNTERS = 50;
/** of one plugin: the time each kind of trouble of each hook was last told of */
const TOLD = hooks.length * kinds.length;
/** of one plugin on one thread: the kinds of each hook, then its own counters */
const CELLS = TOLD + MOST_COUNTERS;
const TELL_EVERY_SECONDS = 60;

/** What one hook counts on one thread. */
export interface HookFigures {
  failed(): void;
  overBudget(): void;
  /** True at most once a minute, over all threads. */
  mayReport(kind: Kind): boolean;
}

/**
 * What plugins count, in memory that all threads share: each thread writes cells of its own, which
 * are read at scrape. Plugins by their place in the configuration; thread 0 is the main thread.
 */
export class PluginFigures {
  readonly #told: Int32Array;
  readonly #cells: Float64Array;
  readonly #plugins: number;

  /** `memory` of pluginMemory, for the same number of plugins. */
  constructor(memory: SharedArrayBuffer, plugins: number) {
    this.#plugins = plugins;
    const told = plugins * TOLD;
    this.#told = new Int32Array(memory, 0, told);
    this.#cells = new Float64Array(memory, told * Int32Array.BYTES_PER_ELEMENT);
  }

  hook(thread: number, plugin: number, hook: Hook): HookFigures {
    const cells = this.#cells;
    const offset = hooks.indexOf(hook) * kinds.length;
    const at = this.#at(thread, plugin) + offset;
    return {
      failed: () => {
        cells[at]++;
      },
      overBudget: () => {
        cells[at + 1]++;
      },
      mayReport: (kind) => this.#mayReport(plugin * TOLD + offset + kinds.indexOf(kind)),
    };
  }

  /** `counter`: its place among those of the plugin. */
  count(thread: number, plugin: number, counter: number, by: number): void {
    this.#cells[this.#at(thread, plugin) + TOLD + counter] += by;
  }

  /** Over all threads. */
  total(plugin: number, hook: Hook, kind: Kind): number {
    return this.#sum(plugin, hooks.indexOf(hook) * kinds.length + kinds.indexOf(kind));
  }

  /** Over all threads. */
  counted(plugin: number, counter: number): number {
    return this.#sum(plugin, TOLD + counter);
  }

  #at(thread: number, plugin: number): number {
    return (thread * this.#plugins + plugin) * CELLS;
  }

  #sum(plugin: number, cell: number): number {
    let sum = 0;
    for (let at = this.#at(0, plugin) + cell; at < this.#cells.length; at += this.#plugins * CELLS) {
      sum += this.#cells[at];
    }
    return sum;
  }

  #mayReport(at: number): boolean {
    // wraps in 2038, as does the difference
    const now = Math.floor(Date.now() / 1000) | 0;
    const before = Atomics.load(this.#told, at);
    if (before !== 0 && ((now - before) | 0) < TELL_EVERY_SECONDS) return false;
    return Atomics.compareExchange(this.#told, at, before, now) === before;
  }
}

/** `threads` counts the main thread too. */
export function pluginMemory(plugins: number, threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(
    plugins * (TOLD * Int32Array.BYTES_PER_ELEMENT + threads * CELLS * Float64Array.BYTES_PER_ELEMENT),
  );
}
