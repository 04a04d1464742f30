import type { LossMode, PassageNames, Treat } from '../proxy/treatment.ts';
import { compilePattern, type Pattern } from './pattern.ts';
import type { Rule, RuleMatch } from './rule.ts';
import { compileTopic, type TopicOf } from './topic.ts';

/** What holds where no rule says otherwise. */
export interface Defaults {
  loss: LossMode;
  naming(exchange: string, routingKey: string): string;
}

/** Captures are counted through the patterns in this order. */
export const matched = ['vhost', 'exchange', 'routingKey', 'queue'] as const;

interface CompiledRule {
  /** the captures, or undefined when the rule does not match */
  match(names: PassageNames): readonly string[] | undefined;
  topic: TopicOf | undefined;
  says: Rule;
}

/**
 * Of the rules that match, the first that mentions an action decides on it; each key of `loss` is
 * an action of its own. Meant to be asked once per route: it compares every rule each time.
 * Throws PatternError when a rule can't be used.
 */
export function compileRules(rules: readonly Rule[], defaults: Defaults): Treat {
  const compiled = rules.map(compileRule);
  return (names) => {
    let topic = '';
    let said: Omit<Rule, 'match' | 'topic' | 'loss'> = {};
    let loss: Rule['loss'] = {};
    for (const rule of compiled) {
      const captures = rule.match(names);
      if (captures === undefined) continue;
      // captures can leave it empty, which names nothing
      if (topic === '' && rule.topic) topic = rule.topic(captures);
      said = { ...rule.says, ...said };
      loss = { ...rule.says.loss, ...loss };
    }
    return {
      topic: topic || defaults.naming(names.exchange, names.routingKey),
      pipeline: said.pipeline,
      propagate: said.propagate ?? true,
      loss: loss.mode ?? defaults.loss,
      unroutableExpected: loss.unroutable === 'expected',
      deadLetters: loss.deadLetters ?? false,
      fanout: loss.fanout,
    };
  };
}

function compileRule(rule: Rule): CompiledRule {
  const patterns = matched.flatMap((key): [keyof RuleMatch & keyof PassageNames, Pattern][] => {
    const text = rule.match[key];
    return text === undefined ? [] : [[key, compilePattern(text)]];
  });
  const topic =
    rule.topic === undefined
      ? undefined
      : compileTopic(
          rule.topic,
          patterns.map(([, { groups }]) => groups),
        );
  // a publish has no queue, whatever pattern an empty name would match
  const side = rule.match.queue === undefined ? rule.match.side : 'consume';
  return {
    match(names) {
      if (side !== undefined && side !== names.side) return undefined;
      const captures: string[] = [];
      for (const [key, pattern] of patterns) {
        const found = pattern.match(names[key]);
        if (found === undefined) return undefined;
        captures.push(...found);
      }
      return captures;
    },
    topic,
    says: rule,
  };
}
