import { describe, expect, test } from 'vitest';
import { methods } from '../../src/amqp/spec.ts';
import { rule as ruleSchema } from '../../src/config/rule-schema.ts';
import { settings as declared, listed } from '../../src/config/settings.ts';
import { Faults, schedule } from '../../src/faults/faults.ts';
import { faultTypes } from '../../src/faults/spec.ts';
import { compileRules } from '../../src/rules/rules.ts';
import { observedHeaders } from '../../testing/plane-rig.ts';
import { method, u64 } from '../../testing/wire.ts';
import {
  actions,
  client,
  matches,
  notOfMessages,
  plainly,
  type RuleText,
  settings,
  singleRules,
} from './scanning-config.ts';
import { deliver, type Frame, headerNames, plain, publish, withContent } from './scanning-frames.ts';
import { type Outcome, pass, type Scenario } from './scanning-pass.ts';

// A property of messages that scanning.test.ts does not know could be skipped in traffic, and no test would
// fail. So whatever is declared anywhere must be in its lists, and must change something there.

/** What stands at a path of these values; lists are gone through. */
function at(values: readonly unknown[], path: readonly string[]): unknown[] {
  return path.reduce<unknown[]>(
    (found, key) =>
      key === '[]'
        ? found.flat()
        : found.flatMap((each) => {
            const value = (each as Record<string, unknown> | undefined)?.[key];
            return value === undefined ? [] : [value];
          }),
    [...values],
  );
}

/** They strike no message. */
const types = Object.values(faultTypes);
const messageless = Object.entries(faultTypes).flatMap(([type, { sides }]) => (sides.length === 0 ? [type] : []));
const strikes = types.filter(({ sides }) => sides.length > 0).flatMap(({ takes }): string[] => [...takes]);

describe('the lists know', () => {
  const rules = singleRules;
  const keys = listed.filter(({ path }) => path[0] === 'rules');
  test.each(keys.map((key): [string, typeof key] => [key.name, key]))('%s of a rule', (_, { path, placeholder }) => {
    if (path.includes('attributes') && !strikes.includes(path.at(-1) as string)) return;
    const values = at(rules, path.slice(2));
    expect(values).not.toEqual([]);
    // words in lower case are values themselves
    const words = placeholder.split('|').filter((word) => /^[a-z_]+$/.test(word));
    const text = JSON.stringify(values);
    for (const word of words) {
      if (!messageless.includes(word)) expect(text).toMatch(new RegExp(`[:"[,]${word}[\\]",}]`));
    }
  });

  test.each(declared.map(({ path }) => path.join('.')))('setting %s', (name) => {
    const isElsewhere = notOfMessages.some((each) => name === each || name.startsWith(`${each}.`));
    expect(isElsewhere !== name in settings).toBe(true);
  });

  test('methods with content, and the headers that are looked at', () => {
    const content = Object.entries(methods).flatMap(([name, spec]) => ('content' in spec ? [name] : []));
    expect(withContent.toSorted()).toEqual(content.sort());
    for (const name of observedHeaders) expect(headerNames).toContain(name);
  });

  test('every key of a treatment: some rule makes it another one', () => {
    const names = { vhost: '/', exchange: 'orders', routingKey: 'a' };
    const sides = [
      { ...names, side: 'publish', queue: '' },
      { ...names, side: 'consume', queue: 'jobs' },
    ] as const;
    const treatments = (texts: readonly RuleText[]): Record<string, unknown>[] => {
      const parsed = texts.map((text) => ruleSchema.parse(text));
      const faults = new Faults(schedule(parsed, true, 0));
      const compiled = compileRules(parsed, {
        loss: 'returns',
        naming: (exchange) => exchange,
        fold: (topic) => topic,
        faults: (specs, side) => faults.of(specs, side),
      });
      return sides.map((side) => ({ ...compiled.treat({ ...side, group: compiled.group({ ...client }) }) }));
    };
    const before = treatments([]);
    const changed = new Set<string>();
    for (const rule of rules)
      for (const [i, treatment] of treatments([rule]).entries())
        for (const [key, value] of Object.entries(treatment))
          if (JSON.stringify(value) !== JSON.stringify(before[i][key])) changed.add(key);
    expect([...changed].sort()).toEqual(Object.keys(before[0]).sort());
  });
});

const tenant = { ...plain(1), headers: 'tenant' };
const messages = [tenant, { ...tenant, headers: 'none' }, { ...tenant, routingKey: 'a.longer.c' }, plain(2), plain(2)];
const rejects: Frame[] = [2, 6, 7].map((tag) => () => method(1, 60, 90, u64(tag), Buffer.of(0)));

/** A bit of everything that a rule may change. */
const sample = (rules: readonly RuleText[]): Scenario => ({
  scenery: plainly(rules),
  plugin: undefined,
  sampler: 'parentbased_always_off',
  frameMax: 131_072,
  brokerVersion: '3.10.0',
  mode: 'confirm',
  noAck: false,
  steps: [
    { do: 'say', by: 'app', frames: messages.flatMap((each) => [publish(each, false), publish(each, true)]), cut: 0 },
    { do: 'wait', ms: 1 },
    { do: 'say', by: 'broker', frames: [(peers) => peers.returns(), (peers) => peers.confirm(1, 80, true)], cut: 0 },
    { do: 'say', by: 'broker', frames: messages.map((each) => deliver(each, 'c1', false)), cut: 0 },
    { do: 'say', by: 'app', frames: rejects, cut: 0 },
    { do: 'wait', ms: 20 },
  ],
});

const known = new Map<string, Promise<Outcome>>();
function outcome(rules: readonly RuleText[]): Promise<Outcome> {
  const name = JSON.stringify(rules);
  const found = known.get(name) ?? pass(sample(rules), (bytes) => [bytes]);
  known.set(name, found);
  return found;
}

async function changes(rule: RuleText, before: readonly RuleText[] = []): Promise<boolean> {
  const without = JSON.stringify(await outcome(before));
  return JSON.stringify(await outcome([rule, ...before])) !== without;
}

describe('in the traffic of a test, something depends on', () => {
  const match = { exchange: 'orders' };

  test('nothing of a rule that fits no message', async () => {
    expect(await changes({ match: { app: 'stranger' }, topic: 'renamed' })).toBe(false);
    expect(await changes({ match: { probability: 0 }, topic: 'renamed' })).toBe(false);
  });

  test.each(actions.map((action) => [JSON.stringify(action), action]))('%s', async (_, action) => {
    // what says no more than what holds anyway shows in front of a rule that says otherwise
    const [key] = Object.keys(action);
    const others = actions.filter((other) => key in other && other !== action);
    let shows = await changes({ match, ...(action as object) });
    for (const other of others) shows ||= await changes({ match, ...(action as object) }, [{ match, ...other }]);
    expect(shows).toBe(true);
  });

  test.each([...new Set(matches.flatMap((each) => Object.keys(each)))])('match.%s', async (key) => {
    let shows = false;
    for (const each of matches) if (key in each) shows ||= await changes({ match: each, topic: 'renamed' });
    expect(shows).toBe(true);
  });
});
