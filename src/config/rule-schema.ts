import { z } from 'zod';
import { faultTypes } from '../faults/spec.ts';
import { observedHeaders } from '../proxy/interceptor.ts';
import { addedBytes, compileHeaders } from '../rules/header-change.ts';
import { compilePattern, type Pattern } from '../rules/pattern.ts';
import { PatternError } from '../rules/pattern-error.ts';
import { MOST_BY_MESSAGE, matched } from '../rules/rules.ts';
import { compileTopic } from '../rules/topic.ts';
import { atLeastOne, custom, optional, shortForms } from './declare.ts';
import { fault } from './fault-schema.ts';
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

/** Longest short string of AMQP, and what fits beside our own headers where they are put together. */
const LONGEST_NAME = 255;
const MOST_ADDED = 2048;

const headerName = z
  .string({ error: 'expects the name of a header' })
  .refine((name) => name !== '' && Buffer.byteLength(name) <= LONGEST_NAME, {
    error: `expects the name of a header, 1 to ${LONGEST_NAME} bytes`,
  });
const headerValue = z
  .union([pattern, z.boolean()], {
    error: 'expects a value or a pattern, in quotes if it is a number; true: there is one, or false: there is none',
  })
  .register(placeholders, { text: 'PATTERN|true|false' });
const headersMatch = z
  .record(headerName, headerValue, { error: 'expects names of headers, each with a value or with true or false' })
  .refine((headers) => Object.keys(headers).length > 0, { error: 'expects at least one name of a header' })
  .register(placeholders, { text: 'NAME: PATTERN|true|false' });

const share = z
  .number({ error: 'expects a number from 0 to 1' })
  .min(0, { error: 'expects a number from 0 to 1' })
  .max(1, { error: 'expects a number from 0 to 1' })
  .register(placeholders, { text: 'NUMBER' });

const match = atLeastOne({
  vhost: optional(pattern, 'virtual host'),
  exchange: optional(patternText, "exchange; '' is the default exchange"),
  routingKey: optional(patternText, "routing key; '' is an empty one"),
  queue: optional(pattern, 'queue that a delivery comes out of; never matches a publish'),
  side: optional(oneOf('publish', 'consume'), 'publish or consume; without it both'),
  app: optional(patternText, 'app: the name that it gave its connection, or else its client library (product)'),
  connection: optional(patternText, 'the name that the app gave its connection (client property connection_name)'),
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

const ownHeaders: readonly string[] = observedHeaders;
const changedName = headerName.refine((name) => !ownHeaders.includes(name), {
  error: `is read by Tracehare itself and can't be changed by a rule; neither can ${observedHeaders.join(', ')}`,
});
const addedHeader = z.string({ error: 'expects text; put quotes around a number' });

const headers = atLeastOne({
  add: optional(
    z
      .record(changedName, addedHeader, { error: 'expects names of headers, each with a text' })
      .refine((add) => addedBytes(compileHeaders({ add })) <= MOST_ADDED, {
        error: `is more than ${MOST_ADDED} bytes, names included`,
      })
      .register(placeholders, { text: 'NAME: TEXT' }),
    'headers to add, as text; what the app set under the same name stays',
  ),
  remove: optional(
    z
      .array(changedName, { error: 'expects a list of names of headers' })
      .min(1, { error: 'expects at least one name of a header' })
      .register(placeholders, { text: 'NAME[,NAME…]' }),
    'headers to take away, though the app set them',
  ),
  replace: optional(onOff, 'true: what is added replaces what the app set under the same name'),
});

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
      if (side === 'consume' && sides.length > 0 && !sides.includes(side))
        issues.push(
          custom(type, ['faults', index, 'type'], `${type} strikes publishes, this rule matches deliveries only`),
        );
    });
    const wrong = topic === undefined ? undefined : problemOf(() => compileTopic(topic, groupsOf(match)));
    if (wrong !== undefined) issues.push(custom(topic, ['topic'], wrong));
  });

/** What of the message itself a rule goes by, if it does. */
function asksTheMessage({ match }: { match: object }): 'headers' | 'probability' | undefined {
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
        `is one too many: at most ${MOST_BY_MESSAGE} rules can go by headers or probability`,
      ),
    );
};

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
