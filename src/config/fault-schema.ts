import { z } from 'zod';
import { type FaultAttributes, type FaultType, faultTypes } from '../faults/spec.ts';
import { atLeastOne, custom, optional, setting } from './declare.ts';
import { count, duration, oneOf, placeholders, text } from './values.ts';

const between = 'expects a number above 0, up to 1';
const share = z
  .number({ error: between })
  .positive({ error: between })
  .max(1, { error: between })
  .register(placeholders, { text: 'NUMBER' });
const above = 'expects a number above 0';
const rate = z.number({ error: above }).positive({ error: above }).register(placeholders, { text: 'NUMBER' });
const range = 'expects a reply code from 200 to 599, such as 320';
const replyCode = z
  .int({ error: range })
  .min(200, { error: range })
  .max(599, { error: range })
  .register(placeholders, { text: 'CODE' });

const attributes = atLeastOne({
  latency: optional(
    duration('0s'),
    'latency: how long a message is held; hold_settlements: how long its settlement is, without it until the fault ends',
  ),
  jitter: optional(duration('0s'), 'latency, hold_settlements: up to so much more or less, at random'),
  rate: optional(rate, 'bandwidth: kilobytes (1000 bytes) per second'),
  distance: optional(count(1), 'reorder: at most so many later messages overtake; 5 without it'),
  wait: optional(duration('1ms'), 'reorder: how long a message waits for them at most; 1s without it'),
  code: optional(replyCode, 'close_connection, close_channel: the AMQP reply code; 320 and 406 without it'),
  text: optional(text, 'close_connection, close_channel: the reply text'),
  existing: optional(
    oneOf('keep', 'stall', 'cut'),
    'partition: what becomes of connections that exist; keep without it, with a direction stall',
  ),
  direction: optional(
    oneOf('upstream', 'downstream'),
    'partition: the one way in which nothing passes on connections that exist, towards the broker or towards the apps; both without it',
  ),
  every: optional(duration('1ms'), 'partition: it comes again in every stretch of this length, at its end'),
  lasting: optional(duration('1ms'), 'partition, with every: how long it lasts each time'),
});

/** An entry of a rule's `faults`. */
export const fault = z
  .strictObject(
    {
      type: oneOf(...(Object.keys(faultTypes) as [FaultType, ...FaultType[]])).describe('what happens'),
      toxicity: setting(
        share,
        1,
        'probability with which it strikes a message; for a partition, a dial or a connection',
      ),
      for: optional(
        duration('1ms'),
        'how long from the moment the configuration took effect; without it until the configuration changes',
      ),
      attributes: optional(attributes, 'How, by type.'),
    },
    { error: 'expects keys and values: type, and how' },
  )
  .check(({ value, issues }) => {
    // what is misspelt in it would only lead to wrong conclusions
    if (issues.length > 0) return;
    for (const [attribute, problem] of attributeProblems(value.type, value.attributes ?? {})) {
      const path = attribute === '' ? [] : ['attributes', attribute];
      issues.push(custom(value, path, problem));
    }
  });

/** What is wrong with the attributes of a fault of this type, by attribute; '' for all of them. */
function attributeProblems(type: FaultType, given: FaultAttributes): [attribute: string, problem: string][] {
  const takes: readonly string[] = faultTypes[type].takes;
  const needs: readonly (keyof FaultAttributes)[] = faultTypes[type].needs;
  const problems: [string, string][] = [];
  for (const attribute of Object.keys(given)) {
    if (takes.includes(attribute)) continue;
    const known = takes.length === 0 ? 'it has none' : `it has ${takes.join(', ')}`;
    problems.push([attribute, `is no attribute of ${type}; ${known}`]);
  }
  for (const attribute of needs) {
    if (given[attribute] === undefined) problems.push(['', `needs attributes: { ${attribute}: … }`]);
  }
  const { every, lasting, direction, existing = 'stall', jitter, latency } = given;
  if (type === 'partition' && (every === undefined) !== (lasting === undefined))
    problems.push([every === undefined ? 'lasting' : 'every', 'every and lasting go together']);
  if (direction !== undefined && existing !== 'stall')
    problems.push(['direction', `says which way connections are stalled; existing is ${existing}`]);
  if (type === 'hold_settlements' && jitter !== undefined && latency === undefined)
    problems.push(['jitter', 'needs latency beside it']);
  if (every !== undefined && lasting !== undefined && lasting >= every)
    problems.push(['lasting', 'expects less than every']);
  return problems;
}
