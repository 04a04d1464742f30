import type { Fault } from '../proxy/ports/verdict.ts';
import { Bandwidth } from './bandwidth.ts';
import { CloseChannel } from './close-channel.ts';
import { CloseConnection } from './close-connection.ts';
import { Drop } from './drop.ts';
import { Duplicate } from './duplicate.ts';
import { HideConfirms } from './hide-confirms.ts';
import { HoldSettlements } from './hold-settlements.ts';
import { Latency } from './latency.ts';
import { Nack } from './nack.ts';
import { Partition } from './partition.ts';
import { Reorder } from './reorder.ts';
import { Reset } from './reset.ts';
import { type FaultSpec, type FaultType, faultTypes } from './spec.ts';
import { Stall } from './stall.ts';

const kinds: Record<Exclude<FaultType, 'partition'>, new (spec: FaultSpec, until: number) => Fault> = {
  latency: Latency,
  bandwidth: Bandwidth,
  stall: Stall,
  drop: Drop,
  nack: Nack,
  duplicate: Duplicate,
  reorder: Reorder,
  hide_confirms: HideConfirms,
  hold_settlements: HoldSettlements,
  reset: Reset,
  close_connection: CloseConnection,
  close_channel: CloseChannel,
};

/** A rule's faults and what it matches: what a fault is recognized by in the next configuration. */
export interface FaultyRule {
  match: object;
  faults?: readonly FaultSpec[];
}

export interface ScheduledFault {
  spec: FaultSpec;
  rule: FaultyRule;
  /** ms of the clock the schedule was made with; Infinity: it does not end by itself */
  from: number;
  until: number;
}

/**
 * When each fault of a configuration began and ends. One that was in the previous configuration
 * already, with the same match and the same values, goes on: its time does not start anew.
 */
export function schedule(
  rules: readonly FaultyRule[],
  enabled: boolean,
  now: number,
  previous: readonly ScheduledFault[] = [],
): ScheduledFault[] {
  if (!enabled) return [];
  const since = new Map(previous.map((each) => [keyOf(each.rule, each.spec), each.from]));
  return rules.flatMap((rule) =>
    (rule.faults ?? []).map((spec) => {
      const from = since.get(keyOf(rule, spec)) ?? now;
      return { spec, rule, from, until: from + (spec.for ?? Number.POSITIVE_INFINITY) };
    }),
  );
}

const keyOf = ({ match }: FaultyRule, spec: FaultSpec): string => JSON.stringify([match, spec]);

/** What a traffic thread makes of its schedule. */
export class Faults {
  readonly scheduled: readonly ScheduledFault[];
  readonly #partitions = new Map<string, Partition>();
  readonly #byRule = new Map<unknown, { publish: Fault[]; consume: Fault[] }>();

  /** A partition that goes on is the same object as in `previous`. */
  constructor(scheduled: readonly ScheduledFault[], previous?: Faults) {
    this.scheduled = scheduled;
    const earlier = previous === undefined ? undefined : previous.#partitions;
    for (const { spec, rule, from, until } of scheduled) {
      if (spec.type === 'partition') {
        const key = keyOf(rule, spec);
        this.#partitions.set(key, earlier?.get(key) ?? new Partition(spec, from, until));
        continue;
      }
      // by the list itself: it is what a rule that matches hands on
      const key = rule.faults;
      const faults = this.#byRule.get(key) ?? { publish: [], consume: [] };
      this.#byRule.set(key, faults);
      const fault = new kinds[spec.type](spec, until);
      for (const side of faultTypes[spec.type].sides) faults[side].push(fault);
    }
  }

  get partitions(): readonly Partition[] {
    return [...this.#partitions.values()];
  }

  /** One of these faults is no longer among `others`. */
  lacks(others: Faults): boolean {
    const left = new Set(others.scheduled.map(({ rule, spec }) => keyOf(rule, spec)));
    return this.scheduled.some(({ rule, spec }) => !left.has(keyOf(rule, spec)));
  }

  /** Of the rule whose `faults` these are; undefined: none. */
  of(faults: readonly FaultSpec[] | undefined, side: 'publish' | 'consume'): readonly Fault[] | undefined {
    const found = faults === undefined ? undefined : this.#byRule.get(faults)?.[side];
    return found === undefined || found.length === 0 ? undefined : found;
  }
}
