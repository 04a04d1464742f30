import { viewOf } from './bytes.ts';
import { readU32, readValue, skipValue, text } from './fields.ts';

/** As long as the longest name: longer texts are no values to compare or to show. */
const LONGEST_VALUE = 255;

/** A header's value as text: strings as they are, numbers and booleans as YAML writes them; none of tables, lists, times and long strings. */
export function valueText(buf: Uint8Array, at: number): string | undefined {
  const type = String.fromCharCode(buf[at]);
  if (type === 'S' || type === 'x') {
    const length = readU32(buf, at + 1);
    return length > LONGEST_VALUE ? undefined : text(buf, at + 5, at + 5 + length);
  }
  if (!'tbBsuIiflLdD'.includes(type)) return undefined;
  return String(readValue(buf, at, skipValue(viewOf(buf), at, buf.length)));
}
