import { NotFound, QueryError } from '../admin/parameters.ts';
import type { AdminChanges } from '../admin/sources.ts';
import type { FaultRow } from '../api.ts';
import { addedFault } from '../config/added-fault.ts';
import type { Config } from '../config/config.ts';
import type { FaultSpec } from '../faults/spec.ts';
import type { Logger } from './log.ts';

/** As many faults can be added. */
const MOST_FAULTS = 100;
/** Timers of Node hold 31 bits of milliseconds. */
const LONGEST = 2 ** 31 - 1;

interface Added {
  name: string;
  rule: Config['rules'][number];
  /** of performance.now */
  from: number;
  until: number;
  timer?: NodeJS.Timeout;
}

/**
 * What was changed while it runs, by a signal or over HTTP: it lies over whatever the configuration says, reloads
 * included, until it is taken back or the process ends.
 */
export class Overlay {
  readonly #log: Logger;
  readonly #changed: () => Promise<void>;
  readonly #faults = new Map<string, Added>();
  readonly counts = { fault_added: 0, fault_ended: 0, bypass_on: 0, bypass_off: 0 };
  /** undefined: as the configuration says */
  bypass: boolean | undefined;

  /** `changed` puts it in force. Rejects when that can't be done. */
  constructor(log: Logger, changed: () => Promise<void>) {
    this.#log = log;
    this.#changed = changed;
  }

  /** What is in force where the configuration says this. Added faults come first, the newest before the others. */
  over(config: Config): Config {
    const { bypass = config.bypass } = this;
    const added = config.faults.enabled ? [...this.#faults.values()].reverse() : [];
    // one rule for all of one match: of several rules only the first would count
    const rules = Map.groupBy(added, ({ rule }) => JSON.stringify(rule.match)).values();
    const first = [...rules].map((same) => ({
      match: same[0].rule.match,
      faults: same.flatMap(({ rule }) => rule.faults as FaultSpec[]),
    }));
    return { ...config, bypass, rules: [...first, ...config.rules] };
  }

  /** A configuration has taken effect: where it allows no faults, the added ones are over. */
  configured({ faults: { enabled } }: Config): void {
    if (enabled || this.#faults.size === 0) return;
    this.#log.warn({ names: [...this.#faults.keys()] }, 'faults that were added end: faults.enabled is no longer true');
    for (const name of [...this.#faults.keys()]) this.#forget(name);
  }

  /** `config` is what runs. Throws QueryError. */
  async addFault(body: unknown, config: Config, by: string): Promise<FaultRow> {
    if (!config.faults.enabled)
      throw new QueryError('faults.enabled is not true: set it in the configuration, a reload is enough');
    const asked = addedFault(body);
    if ('problems' in asked) throw new QueryError(asked.problems.join('; '));
    if (this.#faults.size >= MOST_FAULTS) throw new QueryError(`${MOST_FAULTS} faults are in force already: end some`);
    const { rule } = asked;
    const [{ type, for: lasting }] = rule.faults as FaultSpec[];
    const name = asked.name ?? this.#freeName(type);
    if (this.#faults.has(name)) throw new QueryError(`name: there is a fault ${name} already; end it first`);
    const from = performance.now();
    const added: Added = { name, rule, from, until: from + (lasting ?? Number.POSITIVE_INFINITY) };
    this.#faults.set(name, added);
    try {
      await this.#changed();
    } catch (error) {
      this.#forget(name);
      throw new QueryError((error as Error).message);
    }
    this.counts.fault_added++;
    this.#log.warn(
      { name, type, match: rule.match, ...(lasting !== undefined && { forMs: lasting }), by },
      'fault added',
    );
    this.#endInTime(added);
    return rowOf(added);
  }

  /** All of them without a name. Throws NotFound. */
  async endFaults(name: string | undefined, by: string): Promise<string[]> {
    const all = [...this.#faults.keys()];
    if (name !== undefined && !all.includes(name))
      throw new NotFound(`no fault ${name} was added; there is ${all.join(', ') || 'none'}`);
    const names = name === undefined ? all : [name];
    for (const each of names) this.#forget(each);
    if (names.length === 0) return names;
    await this.#changed();
    this.counts.fault_ended += names.length;
    this.#log.warn({ names, by }, 'faults that were added are ended');
    return names;
  }

  /** Those in force. */
  get faults(): FaultRow[] {
    return [...this.#faults.values()].map(rowOf);
  }

  async setBypass(on: boolean, by: string): Promise<void> {
    this.bypass = on;
    await this.#changed();
    this.counts[on ? 'bypass_on' : 'bypass_off']++;
    this.#log.warn({ by }, on ? BYPASSED : 'bypass ends: new connections are read from now on');
  }

  close(): void {
    for (const { timer } of this.#faults.values()) clearTimeout(timer);
  }

  #freeName(type: string): string {
    for (let n = 1; ; n++) {
      const name = n === 1 ? type : `${type}-${n}`;
      if (!this.#faults.has(name)) return name;
    }
  }

  /** It stops striking by itself; then its rule goes too, so that those behind it are asked again. */
  #endInTime(added: Added): void {
    const left = added.until - performance.now();
    if (left === Number.POSITIVE_INFINITY) return;
    if (left > 0) {
      added.timer = setTimeout(() => this.#endInTime(added), Math.min(left + 1, LONGEST)).unref();
      return;
    }
    this.#forget(added.name);
    this.#changed().catch((error) => this.#log.error({ err: error }, 'a fault that ended is still in the rules'));
  }

  #forget(name: string): void {
    clearTimeout(this.#faults.get(name)?.timer);
    this.#faults.delete(name);
  }
}

/** What the admin server is asked to change. */
export function changesBy(
  overlay: Overlay,
  { running, configured }: { running(): Config; configured(): FaultRow[] },
): AdminChanges {
  return {
    faults: () => ({ enabled: running().faults.enabled, faults: [...overlay.faults, ...configured()] }),
    addFault: (body, by) => overlay.addFault(body, running(), by),
    endFaults: (name, by) => overlay.endFaults(name, by),
    async bypass(on, by) {
      await overlay.setBypass(on, by);
      return running().bypass;
    },
  };
}

export const BYPASSED = 'bypass: new connections are plain pipes from now on';

function rowOf({ name, rule, until }: Added): FaultRow {
  const [{ type, toxicity, attributes = {} }] = rule.faults as FaultSpec[];
  const secondsLeft = until === Number.POSITIVE_INFINITY ? null : Math.max(0, (until - performance.now()) / 1000);
  return { name, type, toxicity, attributes: { ...attributes }, match: rule.match, secondsLeft };
}
