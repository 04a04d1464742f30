import type { FaultSpec } from '../faults/spec.ts';
import type { Fault } from '../proxy/ports/verdict.ts';
import type {
  ByMessage,
  Client,
  HeaderChange,
  LossMode,
  PassageNames,
  Rules,
  Treatment,
} from '../proxy/routing/treatment.ts';
import { compileClientMatch } from './clients.ts';
import { compileHeaders } from './header-change.ts';
import { compileMessageMatch, type MessageMatch, messageGroups } from './message.ts';
import { compilePattern, type Pattern } from './pattern.ts';
import { PatternError } from './pattern-error.ts';
import type { Rule, RuleMatch } from './rule.ts';
import { compileTopic, type TopicOf } from './topic.ts';

/** What holds where no rule says otherwise. */
export interface Defaults {
  loss: LossMode;
  naming(exchange: string, routingKey: string): string;
  /** generated names by their stem, whoever named them */
  fold(topic: string): string;
  /** what a rule's faults are on this thread, now; undefined: nothing */
  faults?(specs: readonly FaultSpec[] | undefined, side: PassageNames['side']): readonly Fault[] | undefined;
}

/** Captures are counted through the patterns in this order, then through those of the message. */
export const matched = ['vhost', 'exchange', 'routingKey', 'queue'] as const;

/** Rules that ask more than names, of all there are: a bit for each in a small integer. */
export const MOST_BY_MESSAGE = 30;

/** Actions as they are applied: an object that is the same for all routes of a rule. */
interface Says extends Omit<Rule, 'match' | 'topic' | 'loss' | 'headers' | 'rateLimit'> {
  headers?: HeaderChange;
  rateLimit?: { perSecond: number };
}

interface CompiledRule {
  /** the captures, or undefined when the names don't match */
  match(names: PassageNames): readonly string[] | undefined;
  client: ((client: Client) => boolean) | undefined;
  message: MessageMatch | undefined;
  topic: TopicOf | undefined;
  /** the topic has something in it that the message says */
  namesByMessage: boolean;
  loss: Rule['loss'];
  says: Says;
}

/** A rule whose names and client match. */
interface Candidate {
  rule: CompiledRule;
  captures: readonly string[];
  /** in a mask of ByMessage; 0: it applies to every message */
  bit: number;
}

/**
 * Of the rules that match, the first that mentions an action decides on it; each key of `loss` is
 * an action of its own. Meant to be asked once per route: it compares every rule each time.
 * Throws PatternError when a rule can't be used.
 */
export function compileRules(rules: readonly Rule[], defaults: Defaults): Rules {
  const compiled = rules.map(compileRule);
  const groups = new WeakMap<Client, string>();

  function group(client: Client): string {
    let found = groups.get(client);
    if (found === undefined) {
      found = compiled.flatMap((rule, index) => (rule.client?.(client) ? [index] : [])).join();
      groups.set(client, found);
    }
    return found;
  }

  function treat(names: PassageNames): Treatment {
    const fitting = new Set(names.group.split(','));
    let bits = 0;
    const candidates = compiled.flatMap((rule, index): Candidate[] => {
      if (rule.client !== undefined && !fitting.has(String(index))) return [];
      const captures = rule.match(names);
      if (captures === undefined) return [];
      return [{ rule, captures, bit: rule.message === undefined ? 0 : 1 << bits++ }];
    });
    const treatment = (mask: number, captured = ''): Treatment => merge(candidates, mask, captured, names, defaults);
    return { ...treatment(0), byMessage: byMessage(candidates, treatment) };
  }

  return { group, treat };
}

function byMessage(candidates: readonly Candidate[], treatment: ByMessage['treatment']): ByMessage | undefined {
  const asking = candidates.filter(({ bit }) => bit !== 0);
  if (asking.length === 0) return undefined;
  return {
    captured: '',
    mask(header) {
      let mask = 0;
      this.captured = '';
      for (const { rule, bit } of asking) {
        const captures = rule.message?.(header);
        if (captures === undefined) continue;
        mask |= bit;
        // of the first rule that names the messages, for no other is asked for its name
        if (this.captured === '' && rule.namesByMessage) this.captured = [bit, ...captures].join('\0');
      }
      return mask;
    },
    treatment,
  };
}

/** `captured`: as ByMessage has it. */
function merge(
  candidates: readonly Candidate[],
  mask: number,
  captured: string,
  names: PassageNames,
  defaults: Defaults,
): Treatment {
  const [from, ...ofMessage] = captured.split('\0');
  let topic = '';
  let said: Says = {};
  let loss: Rule['loss'] = {};
  for (const { rule, captures, bit } of candidates) {
    if (bit !== 0 && (mask & bit) === 0) continue;
    // captures can leave it empty, which names nothing
    if (topic === '' && rule.topic)
      topic = rule.topic(from !== '' && bit === Number(from) ? [...captures, ...ofMessage] : captures);
    said = { ...rule.says, ...said };
    loss = { ...rule.loss, ...loss };
  }
  return {
    topic: defaults.fold(topic || defaults.naming(names.exchange, names.routingKey)),
    pipeline: said.pipeline,
    propagate: said.propagate ?? true,
    loss: loss.mode ?? defaults.loss,
    unroutableExpected: loss.unroutable === 'expected',
    deadLetters: loss.deadLetters ?? false,
    fanout: loss.fanout,
    sample: said.sample,
    headers: names.side === 'publish' ? said.headers : undefined,
    rateLimit: said.rateLimit,
    faults: defaults.faults?.(said.faults, names.side),
    mayStrike: candidates.some(({ rule }) => defaults.faults?.(rule.says.faults, names.side) !== undefined),
    byMessage: undefined,
  };
}

function compileRule({ match, topic, loss, headers, rateLimit, ...says }: Rule): CompiledRule {
  const patterns = matched.flatMap((key): [keyof RuleMatch & keyof PassageNames, Pattern][] => {
    const text = match[key];
    return text === undefined ? [] : [[key, compilePattern(text)]];
  });
  // a publish has no queue, whatever pattern an empty name would match
  const side = match.queue === undefined ? match.side : 'consume';
  const groups = patterns.map(([, { groups }]) => groups);
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
    client: compileClientMatch(match),
    message: compileMessageMatch(match),
    topic: topic === undefined ? undefined : compileTopic(topic, [...groups, ...messageGroups(match)]),
    namesByMessage: topic !== undefined && !isWhole(topic, groups),
    loss,
    says: {
      ...says,
      ...(headers && { headers: compileHeaders(headers) }),
      ...(rateLimit !== undefined && { rateLimit: { perSecond: rateLimit } }),
    },
  };
}

/** It refers to nothing but captures of these groups. */
function isWhole(topic: string, groups: readonly Pattern['groups'][]): boolean {
  try {
    compileTopic(topic, groups);
    return true;
  } catch (error) {
    if (error instanceof PatternError) return false;
    throw error;
  }
}
