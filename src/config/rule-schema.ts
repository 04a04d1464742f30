import { z } from 'zod';
import { faultTypes } from '../faults/spec.ts';
import { messageGroups } from '../rules/message.ts';
import { compilePattern, type Pattern } from '../rules/pattern.ts';
import type { RuleMatch } from '../rules/rule.ts';
import { MOST_BY_MESSAGE, matched } from '../rules/rules.ts';
import { compileTopic } from '../rules/topic.ts';
import { atLeastOne, custom, optional, shortForms } from './declare.ts';
import { fault } from './fault-schema.ts';
import { headers, headersMatch } from './header-schema.ts';
import { pattern, patternText, problemOf } from './pattern-schema.ts';
import { lossMode, oneOf, onOff, placeholders, text } from './values.ts';

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

const share = z
  .number({ error: 'expects a number from 0 to 1' })
  .min(0, { error: 'expects a number from 0 to 1' })
  .max(1, { error: 'expects a number from 0 to 1' })
  .register(placeholders, { text: 'NUMBER' });

const expected = z.union([pattern, z.boolean()], {
  error: 'expects a value or a pattern; true: there is one, or false: there is none',
});
const octet = 'expects a number from 0 to 255 or a pattern; true: there is one, or false: there is none';
const expectedNumber = z
  .union(
    [
      pattern,
      z.boolean(),
      z.number().refine((value) => Number.isInteger(value) && value >= 0 && value <= 255, { error: octet }),
    ],
    {
      error: octet,
    },
  )
  .transform((value) => (typeof value === 'number' ? String(value) : value));
placeholders.add(expected, { text: 'PATTERN|true|false' }).add(expectedNumber, { text: 'NUMBER|true|false' });

const propertiesMatch = atLeastOne({
  type: optional(expected, 'what kind of message it is, as its publisher says'),
  appId: optional(expected, 'app-id'),
  contentType: optional(expected, 'content-type'),
  contentEncoding: optional(expected, 'content-encoding'),
  priority: optional(expectedNumber, 'priority'),
  deliveryMode: optional(expectedNumber, '1: transient, 2: persistent'),
  userId: optional(expected, 'user-id'),
});

const match = atLeastOne({
  vhost: optional(pattern, 'virtual host'),
  exchange: optional(patternText, "exchange; '' is the default exchange"),
  routingKey: optional(patternText, "routing key; '' is an empty one"),
  queue: optional(pattern, 'queue that a delivery comes out of; never matches a publish'),
  side: optional(oneOf('publish', 'consume'), 'publish or consume; without it both'),
  app: optional(
    patternText,
    'app: the name that it gave its connection, without what tells instances apart; else product/user',
  ),
  connection: optional(patternText, 'the name that the app gave its connection (client property connection_name)'),
  properties: optional(
    propertiesMatch,
    'properties of the message: a value or pattern, true for any value, false for no such property',
  ),
  headers: optional(
    headersMatch,
    'headers of the message: a value or pattern, true for any value, false for no such header',
  ),
  probability: optional(share, 'chance, 0 to 1, drawn for each message and side'),
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

const sample = z
  .union([share, z.literal('always')], { error: 'expects a number from 0 to 1, or always' })
  .transform((value) => (value === 'always' ? 1 : value))
  .register(placeholders, { text: 'NUMBER|always' });

const rateLimit = z
  .number({ error: 'expects messages a second, 1 or more' })
  // slower than that, heartbeats behind them would come too late
  .min(1, { error: 'expects messages a second, 1 or more' })
  .register(placeholders, { text: 'NUMBER' });

const actions = {
  topic: optional(
    text,
    'name under which the messages are counted; $1 stands for what a regular expression of the match captured',
  ),
  pipeline: optional(text, 'value of the pipeline label'),
  propagate: optional(onOff, 'false: neither of our headers is added, and there is no end-to-end latency'),
  loss: optional(loss, 'How losses of these messages are found and counted; each key is an action of its own.'),
  sample: optional(
    sample,
    'share of new traces that are sampled, or always; maxTracesPerSecond does not hold for them',
  ),
  headers: optional(headers, 'What is changed in the headers of publishes.'),
  rateLimit: optional(rateLimit, 'messages a second on each connection; faster ones wait, by backpressure'),
  faults: optional(
    z.array(fault, { error: 'expects a list, each entry with a dash' }).min(1, { error: 'is empty; leave it out' }),
    'What goes wrong with the messages on purpose; needs faults.enabled.',
  ),
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
    const asks = asksTheMessage(value);
    if (asks && value.loss !== undefined)
      issues.push(
        custom(
          value.loss,
          ['loss'],
          `can't depend on match.${asks}: it is decided by names, before a message's headers are seen`,
        ),
      );
    if (value.headers !== undefined && (match.queue !== undefined || match.side === 'consume'))
      issues.push(
        custom(
          value.headers,
          ['headers'],
          'are changed in publishes only; what goes to an app stays as the broker sent it',
        ),
      );
    if (value.headers?.replace !== undefined && value.headers.add === undefined)
      issues.push(custom(value.headers, ['headers', 'replace'], 'says how to add; expects add beside it'));
    if (Object.keys(value).length === 1)
      issues.push(custom(value, [], `says nothing of what applies; expects ${Object.keys(actions).join(', ')}`));
    if (match.queue !== undefined && match.side === 'publish')
      issues.push(
        custom(match, ['match', 'queue'], 'never matches with side: publish; queues are known of deliveries only'),
      );
    const side = match.queue === undefined ? match.side : 'consume';
    value.faults?.forEach(({ type }, index) => {
      const sides: readonly string[] = faultTypes[type].sides;
      if (side === undefined || sides.length === 0 || sides.includes(side)) return;
      const [struck, matched] = side === 'consume' ? ['publishes', 'deliveries'] : ['deliveries', 'publishes'];
      issues.push(
        custom(type, ['faults', index, 'type'], `${type} strikes ${struck}, this rule matches ${matched} only`),
      );
    });
    const wrong =
      topic === undefined
        ? undefined
        : problemOf(() => compileTopic(topic, [...groupsOf(match), ...messageGroups(match as RuleMatch)]));
    if (wrong !== undefined) issues.push(custom(topic, ['topic'], wrong));
  });

/** What of the message itself a rule goes by, if it does. */
function asksTheMessage({ match }: { match: object }): 'properties' | 'headers' | 'probability' | undefined {
  if ('properties' in match) return 'properties';
  if ('headers' in match) return 'headers';
  return 'probability' in match ? 'probability' : undefined;
}

/** What only the whole list shows. */
export const checkRules: z.core.CheckFn<z.output<typeof rule>[]> = ({ value, issues }) => {
  const asking = value.filter(asksTheMessage);
  if (asking.length > MOST_BY_MESSAGE)
    issues.push(
      custom(
        value,
        [value.indexOf(asking[MOST_BY_MESSAGE]), 'match'],
        `is one too many: at most ${MOST_BY_MESSAGE} rules can go by properties, headers or probability`,
      ),
    );
};

function groupsOf(match: Partial<Record<(typeof matched)[number], string>>): Pattern['groups'][] {
  return matched.flatMap((key) => (match[key] === undefined ? [] : [compilePattern(match[key]).groups]));
}
