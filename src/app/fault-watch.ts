import type { FaultRow, SidecarState } from '../api.ts';
import { type FaultyRule, type ScheduledFault, schedule } from '../faults/faults.ts';
import type { AppLog } from './log.ts';

/** Timers of Node hold 31 bits of milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** Which faults are in force, for the log, the metrics and the page; the traffic threads keep the same time. */
export class FaultWatch {
  readonly #log: AppLog;
  #scheduled: ScheduledFault[] = [];
  #timers: NodeJS.Timeout[] = [];

  constructor(log: AppLog) {
    this.#log = log;
  }

  /** A configuration takes effect. */
  update(rules: readonly FaultyRule[], enabled: boolean): void {
    const ignored = rules.some(({ faults }) => faults !== undefined) && !enabled;
    if (ignored) this.#log.warn('rules have faults, which are ignored: faults.enabled is not true');
    const now = performance.now();
    const before = this.#active(now);
    this.#scheduled = schedule(rules, enabled, now, this.#scheduled);
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
    const known = new Set(before.map(nameOf));
    const active = this.#active(now);
    for (const each of active) {
      if (!known.has(nameOf(each))) this.#log.warn(told(each), 'fault in force');
      if (each.until === Number.POSITIVE_INFINITY) continue;
      this.#tellEnd(each, this.#timers.length);
    }
    const still = new Set(active.map(nameOf));
    for (const each of before) if (!still.has(nameOf(each))) this.#log.info(told(each), 'fault ended');
  }

  #tellEnd(fault: ScheduledFault, at: number): void {
    const left = fault.until - performance.now();
    if (left <= 0) this.#log.info(told(fault), 'fault ended');
    else this.#timers[at] = setTimeout(() => this.#tellEnd(fault, at), Math.min(left, LONGEST)).unref();
  }

  /** By type, those in force now; a type of the configuration that is no longer in force counts 0. */
  counts(): { labels: { type: string }; value: number }[] {
    const counts = new Map<string, number>();
    const now = performance.now();
    for (const { spec, until } of this.#scheduled) {
      counts.set(spec.type, (counts.get(spec.type) ?? 0) + (now < until ? 1 : 0));
    }
    return [...counts].map(([type, value]) => ({ labels: { type }, value }));
  }

  /** Those in force now. */
  list(): SidecarState['faults'] {
    const now = performance.now();
    return this.#active(now).map(({ spec, rule, until }) => ({
      type: spec.type,
      match: JSON.stringify(rule.match),
      toxicity: spec.toxicity,
      secondsLeft: until === Number.POSITIVE_INFINITY ? null : (until - now) / 1000,
    }));
  }

  /** Those in force of these rules alone. */
  rows(rules: readonly FaultyRule[]): FaultRow[] {
    const now = performance.now();
    return this.#active(now)
      .filter(({ spec }) => rules.some(({ faults }) => faults?.includes(spec)))
      .map(({ spec: { type, toxicity, attributes = {} }, rule: { match }, until }) => ({
        name: null,
        type,
        toxicity,
        attributes: { ...attributes },
        match,
        secondsLeft: until === Number.POSITIVE_INFINITY ? null : (until - now) / 1000,
      }));
  }

  #active(now: number): ScheduledFault[] {
    return this.#scheduled.filter(({ until }) => now < until);
  }
}

const nameOf = ({ spec, rule, from }: ScheduledFault): string => JSON.stringify([rule.match, spec, from]);

function told({ spec, rule }: ScheduledFault): object {
  const { type, toxicity, for: lasting, attributes } = spec;
  return { type, match: rule.match, toxicity, ...(lasting !== undefined && { forMs: lasting }), ...attributes };
}
