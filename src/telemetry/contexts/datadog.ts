import type { ContentHeader } from '../../amqp/content.ts';
import { writeKey } from '../../amqp/content.ts';
import { FLAG_SAMPLED } from '../traces/traceparent.ts';
import { says } from './b3.ts';
import type { ContextFormat } from './context-format.ts';
import { readDecimal, writeDecimal } from './decimal.ts';
import { readHexDigits } from './hex-digits.ts';
import { EntryTemplate } from './template.ts';

const NAMES = ['x-datadog-trace-id', 'x-datadog-parent-id', 'x-datadog-sampling-priority', 'x-datadog-tags'];
const TRACE_ID = 0;
const PARENT_ID = 1;
const PRIORITY = 2;
const TAGS = 3;

/** The tag with the first half of the trace id. */
const HIGH = '_dd.p.tid=';
const HIGH_DIGITS = 16;

const KEYS = NAMES.map((name) => {
  const bytes = Buffer.alloc(2 + name.length);
  writeKey(bytes, 0, name, 'S');
  return bytes;
});
const [UNSAMPLED, SAMPLED] = ['0', '1'].map((text) => new EntryTemplate({ [NAMES[PRIORITY]]: [{ text }] }));
const HIGH_ENTRY = new EntryTemplate({ [NAMES[TAGS]]: [{ text: HIGH }, 'span'] });

/** Ids as decimal numbers of 64 bits; the first half of a trace id is a tag. Priorities above 0 are sampled. */
export const datadog: ContextFormat = {
  headers: NAMES,
  read(header, first, words) {
    const trace = header.stringAt(first + TRACE_ID);
    const parent = header.stringAt(first + PARENT_ID);
    if (trace < 0 || parent < 0) return -1;
    if (!readDecimal(header.buf, trace, header.stringLength(first + TRACE_ID), words, 2)) return -1;
    if (!readDecimal(header.buf, parent, header.stringLength(first + PARENT_ID), words, 4)) return -1;
    readHigh(header, first + TAGS, words);
    return says(header, first + PRIORITY, ['1', '2']) ? FLAG_SAMPLED : 0;
  },
  write(context, sampled, view, at) {
    const { words, trace, span } = context;
    let end = at + writeId(TRACE_ID, words, trace + 2, view, at);
    end += writeId(PARENT_ID, words, span, view, end);
    end += (sampled ? SAMPLED : UNSAMPLED).write(context, view, end);
    // two words, like a span id
    if ((words[trace] | words[trace + 1]) !== 0) end += HIGH_ENTRY.write({ words, trace, span: trace }, view, end);
    return end - at;
  },
};

function writeId(name: number, words: Uint32Array, from: number, view: DataView, at: number): number {
  const key = KEYS[name];
  for (let i = 0; i < key.length; i++) view.setUint8(at + i, key[i]);
  const digits = writeDecimal(words, from, view, at + key.length + 4);
  view.setUint32(at + key.length, digits);
  return key.length + 4 + digits;
}

/** Zero where no tag, or none that is a number, has it. */
function readHigh(header: ContentHeader, tags: number, words: Uint32Array): void {
  words[0] = words[1] = 0;
  const start = header.stringAt(tags);
  if (start < 0) return;
  const { buf } = header;
  const last = start + header.stringLength(tags) - HIGH.length - HIGH_DIGITS;
  for (let at = start; at <= last; at++) {
    let i = 0;
    while (i < HIGH.length && buf[at + i] === HIGH.charCodeAt(i)) i++;
    if (i < HIGH.length) continue;
    if (!readHexDigits(buf, at + i, HIGH_DIGITS, 2, words, 0)) words[0] = words[1] = 0;
    return;
  }
}
