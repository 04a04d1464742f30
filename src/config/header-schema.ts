import { z } from 'zod';
import { observedHeaders } from '../proxy/ports/interceptor.ts';
import { addedBytes, compileHeaders } from '../rules/header-change.ts';
import { atLeastOne, optional } from './declare.ts';
import { pattern } from './pattern-schema.ts';
import { onOff, placeholders } from './values.ts';

/** Longest short string of AMQP. */
const LONGEST_NAME = 255;
/** What fits beside our own headers where they are put together. */
const MOST_ADDED = 2048;

const name = z
  .string({ error: 'expects the name of a header' })
  .refine((text) => text !== '' && Buffer.byteLength(text) <= LONGEST_NAME, {
    error: `expects the name of a header, 1 to ${LONGEST_NAME} bytes`,
  });

const observed: readonly string[] = observedHeaders;
const changedName = name.refine((text) => !observed.includes(text), {
  error: `no rule can change what Tracehare itself reads: ${observed.join(', ')}`,
});

/** Names of headers with a value each; what is wrong with a name is told as such. */
function byName<K extends z.ZodType<string, string>, V extends z.ZodType>(key: K, value: V, error: string) {
  return z
    .record(key, value, { error: (issue) => (issue.code === 'invalid_key' ? issue.issues[0]?.message : error) })
    .refine((headers) => Object.keys(headers).length > 0, { error: 'expects at least one name of a header' });
}

const expected = z.union([pattern, z.boolean()], {
  error: 'expects a value or a pattern, in quotes if it is a number; true: there is one, or false: there is none',
});

/** `match.headers` */
export const headersMatch = byName(
  name,
  expected,
  'expects names of headers, each with a value or with true or false',
).register(placeholders, { text: 'NAME: PATTERN|true|false' });

const added = byName(
  changedName,
  z.string({ error: 'expects text; put quotes around a number' }),
  'expects names of headers, each with a text',
)
  .refine((add) => addedBytes(compileHeaders({ add })) <= MOST_ADDED, {
    error: `is more than ${MOST_ADDED} bytes, names included`,
  })
  .register(placeholders, { text: 'NAME: TEXT' });

const removed = z
  .array(changedName, { error: 'expects a list of names of headers' })
  .min(1, { error: 'expects at least one name of a header' })
  .register(placeholders, { text: 'NAME[,NAME…]' });

/** The action `headers`. */
export const headers = atLeastOne({
  add: optional(added, 'headers to add, as text; what the app set under the same name stays'),
  remove: optional(removed, 'headers to take away, though the app set them'),
  replace: optional(onOff, 'true: what is added replaces what the app set under the same name'),
});
