import { viewOf } from '../amqp/bytes.ts';
import type { ContentHeader } from '../amqp/content.ts';
import { readU32, readValue, skipValue, text } from '../amqp/fields.ts';
import { compilePattern } from './pattern.ts';
import type { RuleMatch } from './rule.ts';

/** Whether a message fits, once its content header is there. Throws MalformedError. */
export type MessageMatch = (header: ContentHeader) => boolean;

/** As long as the longest name: what bounds the time of a regular expression. */
const LONGEST_VALUE = 255;

/** What a match asks of the message itself; undefined: nothing. Throws PatternError. */
export function compileMessageMatch({ headers = {}, probability }: RuleMatch): MessageMatch | undefined {
  const tests = Object.entries(headers).map(([name, expected]) => headerTest(Buffer.from(name), expected));
  // last: no chance is drawn for what does not fit otherwise
  if (probability !== undefined) tests.push(() => Math.random() < probability);
  if (tests.length === 0) return undefined;
  return (header) => {
    for (const test of tests) if (!test(header)) return false;
    return true;
  };
}

function headerTest(name: Uint8Array, expected: string | boolean): MessageMatch {
  if (typeof expected === 'boolean') return (header) => header.find(name) >= 0 === expected;
  const pattern = compilePattern(expected);
  return (header) => {
    const at = header.find(name);
    const value = at < 0 ? undefined : valueText(header.buf, at);
    return value !== undefined && pattern.match(value) !== undefined;
  };
}

/** A header's value as text: strings as they are, numbers and booleans as YAML writes them; none of tables, lists, times and long strings. */
function valueText(buf: Uint8Array, at: number): string | undefined {
  const type = String.fromCharCode(buf[at]);
  if (type === 'S' || type === 'x') {
    const length = readU32(buf, at + 1);
    return length > LONGEST_VALUE ? undefined : text(buf, at + 5, at + 5 + length);
  }
  if (!'tbBsuIiflLdD'.includes(type)) return undefined;
  return String(readValue(buf, at, skipValue(viewOf(buf), at, buf.length)));
}
