import { z } from 'zod';
import { compilePattern, type Pattern } from '../rules/pattern.ts';
import { PatternError } from '../rules/pattern-error.ts';
import { matched } from '../rules/rules.ts';
import { compileTopic } from '../rules/topic.ts';
import { atLeastOne, custom, optional, shortForms } from './declare.ts';
import { lossMode, oneOf, onOff, placeholders, text } from './values.ts';

const expected = "expects a name, or a pattern in quotes, such as 'orders.*' or '/^orders-/'";
const patternText = z.string({ error: expected }).check(({ value, issues }) => {
  const problem = problemOf(() => compilePattern(value));
  if (problem !== undefined) issues.push(custom(value, [], problem));
});
const pattern = patternText.min(1, { error: 'is empty; leave it out or give it a value' });
placeholders.add(patternText, { text: 'PATTERN' }).add(pattern, { text: 'PATTERN' });

/** `loss.exempt`: clients by what they say of themselves when they connect. */
export const clientMatch = atLeastOne({
  product: optional(pattern, "the client library's name, as its client properties say"),
  connectionName: optional(pattern, 'the name that the app gave its connection (client property connection_name)'),
  user: optional(pattern, 'the user who logs in'),
});

const fanout = z
  .number({ error: 'expects a number above 0' })
  .positive({ error: 'expects a number above 0' })
  .register(placeholders, { text: 'NUMBER' });

const match = atLeastOne({
  vhost: optional(pattern, 'virtual host'),
  exchange: optional(patternText, "exchange; '' is the default exchange"),
  routingKey: optional(patternText, "routing key; '' is an empty one"),
  queue: optional(pattern, 'queue that a delivery comes out of; never matches a publish'),
  side: optional(oneOf('publish', 'consume'), 'publish or consume; without it both'),
});

const loss = atLeastOne({
  mode: optional(lossMode, 'off, returns or confirms for these messages, whatever loss.mode says'),
  unroutable: optional(
    oneOf('expected', 'lost'),
    'expected: nobody may be subscribed, so what is unroutable is counted apart and is no loss',
  ),
  fanout: optional(
    fanout,
    'first deliveries that each publish should lead to; without it publishes and deliveries are not compared',
  ),
  deadLetters: optional(onOff, 'true: what these queues reject goes somewhere else and is no loss'),
}).register(shortForms, { key: 'mode' });

const actions = {
  topic: optional(
    text,
    'name under which the messages are counted; $1 stands for what a regular expression of the match captured',
  ),
  pipeline: optional(text, 'value of the pipeline label'),
  propagate: optional(onOff, 'false: neither of our headers is added, and there is no end-to-end latency'),
  loss: optional(loss, 'How losses of these messages are found and counted; each key is an action of its own.'),
};

/** An entry of `rules`. */
export const rule = z
  .strictObject(
    { match: match.describe('Which messages: all keys that are given must fit.'), ...actions },
    { error: 'expects keys and values: match, and what applies' },
  )
  .check(({ value, issues }) => {
    // what is misspelt in it would only lead to wrong conclusions
    if (issues.length > 0) return;
    const { match, topic } = value;
    if (Object.keys(value).length === 1)
      issues.push(custom(value, [], `says nothing of what applies; expects ${Object.keys(actions).join(', ')}`));
    if (match.queue !== undefined && match.side === 'publish')
      issues.push(
        custom(match, ['match', 'queue'], 'never matches with side: publish; queues are known of deliveries only'),
      );
    const wrong = topic === undefined ? undefined : problemOf(() => compileTopic(topic, groupsOf(match)));
    if (wrong !== undefined) issues.push(custom(topic, ['topic'], wrong));
  });

function groupsOf(match: Partial<Record<(typeof matched)[number], string>>): Pattern['groups'][] {
  return matched.flatMap((key) => (match[key] === undefined ? [] : [compilePattern(match[key]).groups]));
}

function problemOf(compile: () => unknown): string | undefined {
  try {
    compile();
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}
