import { z } from 'zod';
import { faultTypes } from '../faults/spec.ts';
import type { Rule } from '../rules/rule.ts';
import { didYouMean } from './nearest.ts';
import { rule } from './rule-schema.ts';

/** Names that toxiproxy has for what is called otherwise here. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['reset_peer', 'reset'],
  ['timeout', 'stall'],
  ['down', 'partition'],
]);
/** Its directions: upstream is towards the broker. */
const SIDES = { upstream: 'publish', downstream: 'consume' } as const;
/** Attributes that are durations: toxiproxy gives milliseconds. */
const DURATIONS = ['latency', 'jitter', 'wait', 'every', 'lasting'];
/** All there is. */
const ANY = { vhost: '#' };

const TYPES = [...Object.keys(faultTypes), ...ALIASES.keys()];

const asked = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.-]{1,64}$/)
    .optional(),
  type: z.string(),
  stream: z.enum(['upstream', 'downstream']).optional(),
  toxicity: z.unknown().optional(),
  for: z.unknown().optional(),
  attributes: z.record(z.string(), z.unknown()).optional(),
  match: z.record(z.string(), z.unknown()).optional(),
});

const EXPECTED: Readonly<Record<string, string>> = {
  '': 'expects an object: type, and where they are wanted name, stream, toxicity, for, attributes, match',
  name: 'name: expects letters, digits, dots, dashes and underscores, 64 at most',
  type: `type: is missing; there is ${TYPES.join(', ')}`,
  stream: 'stream: expects upstream or downstream',
  attributes: 'attributes: expects keys and values',
  match: 'match: expects keys and values',
};

/** A fault as toxiproxy words it, checked; `problems` is one line for each thing that is wrong. */
export function addedFault(body: unknown): { name: string | undefined; rule: Rule } | { problems: string[] } {
  const { data, error } = asked.safeParse(body);
  if (data === undefined) return { problems: [...new Set(error?.issues.map(expected))] };
  const { name, stream, attributes = {}, match = {} } = data;
  const type = ALIASES.get(data.type) ?? data.type;
  if (!Object.hasOwn(faultTypes, type))
    return {
      problems: [
        `type: there is no ${JSON.stringify(type.slice(0, 60))}${didYouMean(type, TYPES) || `; there is ${TYPES.join(', ')}`}`,
      ],
    };
  // a partition asks no message: the direction is its own
  const isPartition = type === 'partition';
  if (isPartition && stream !== undefined && (attributes.direction ?? stream) !== stream)
    return { problems: [`attributes.direction: contradicts stream ${stream}`] };
  const side = isPartition ? undefined : stream && SIDES[stream];
  const how = { ...attributes, ...(isPartition && stream && { direction: stream }) };
  if (side !== undefined && match.side !== undefined && match.side !== side)
    return { problems: [`match.side: contradicts stream ${stream}`] };
  const fault = {
    type,
    ...(data.toxicity !== undefined && { toxicity: data.toxicity }),
    ...(data.for !== undefined && { for: data.for }),
    ...(Object.keys(how).length > 0 && {
      attributes: Object.fromEntries(Object.entries(how).map(milliseconds)),
    }),
  };
  const wanted = { ...match, ...(side && { side }) };
  const checked = rule.safeParse({ match: Object.keys(wanted).length > 0 ? wanted : ANY, faults: [fault] });
  if (!checked.success) return { problems: checked.error.issues.map(told) };
  return { name, rule: checked.data as Rule };
}

function milliseconds([key, value]: [string, unknown]): [string, unknown] {
  return [key, DURATIONS.includes(key) && typeof value === 'number' ? `${value}ms` : value];
}

function expected(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    const [key] = issue.keys;
    return `unknown key ${JSON.stringify(key.slice(0, 60))}${didYouMean(key, Object.keys(asked.shape)) || `; there is ${Object.keys(asked.shape).join(', ')}`}`;
  }
  return EXPECTED[String(issue.path[0] ?? '')] ?? `${issue.path.join('.')}: ${issue.message}`;
}

/** Of the rule that was made of it; whoever asked knows no rule. */
function told(issue: z.core.$ZodIssue): string {
  const path = issue.path.join('.').replace(/^faults\.0\.?/, '');
  if (issue.code !== 'unrecognized_keys') return `${path === '' ? '' : `${path}: `}${issue.message}`;
  return `${path === '' ? '' : `${path}: `}unknown key ${JSON.stringify(issue.keys[0].slice(0, 60))}`;
}
