import type { ContentHeader } from '../amqp/content.ts';
import { valueText } from '../amqp/value-text.ts';
import { compilePattern, NOTHING, type Pattern } from './pattern.ts';
import { matchedProperties, type RuleMatch } from './rule.ts';

/** What its patterns captured if a message fits, once its content header is there; undefined: it does not. Throws MalformedError. */
export type MessageMatch = (header: ContentHeader) => readonly string[] | undefined;

/** What a match asks of the message itself; undefined: nothing. Throws PatternError. */
export function compileMessageMatch(match: RuleMatch): MessageMatch | undefined {
  const { headers = {}, probability } = match;
  const tests = [
    ...propertiesOf(match).map(([name, expected]) =>
      valueTest(
        expected,
        (header) => header.has(name),
        (header) => header.property(name),
      ),
    ),
    ...Object.entries(headers).map(([name, expected]) => headerTest(Buffer.from(name), expected)),
  ];
  // last: no chance is drawn for what does not fit otherwise
  if (probability !== undefined) tests.push(() => (Math.random() < probability ? NOTHING : undefined));
  if (tests.length === 0) return undefined;
  return (header) => {
    let captures = NOTHING;
    for (const test of tests) {
      const found = test(header);
      if (found === undefined) return undefined;
      if (found.length > 0) captures = [...captures, ...found];
    }
    return captures;
  };
}

/** The groups of its patterns, in the order in which `compileMessageMatch` captures. Throws PatternError. */
export function messageGroups(match: RuleMatch): Pattern['groups'][] {
  const expected = [...propertiesOf(match).map(([, value]) => value), ...Object.values(match.headers ?? {})];
  return expected.flatMap((value) => (typeof value === 'string' ? [compilePattern(value).groups] : []));
}

/** In an order that does not depend on the file. */
const propertiesOf = ({ properties = {} }: RuleMatch) =>
  matchedProperties.flatMap((name) => {
    const expected = properties[name];
    return expected === undefined ? [] : [[name, expected] as const];
  });

function headerTest(name: Uint8Array, expected: string | boolean): MessageMatch {
  return valueTest(
    expected,
    (header) => header.find(name) >= 0,
    (header) => {
      const at = header.find(name);
      return at < 0 ? undefined : valueText(header.buf, at);
    },
  );
}

function valueTest(
  expected: string | boolean,
  has: (header: ContentHeader) => boolean,
  value: (header: ContentHeader) => string | undefined,
): MessageMatch {
  if (typeof expected === 'boolean') return (header) => (has(header) === expected ? NOTHING : undefined);
  const pattern = compilePattern(expected);
  return (header) => {
    const found = has(header) ? value(header) : undefined;
    return found === undefined ? undefined : pattern.match(found);
  };
}
