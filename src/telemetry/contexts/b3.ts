import type { ContentHeader } from '../../amqp/content.ts';
import { FLAG_SAMPLED } from '../traces/traceparent.ts';
import type { ContextFormat } from './context-format.ts';
import { readHexDigits } from './hex-digits.ts';
import { templates } from './template.ts';

const DASH = 0x2d;
const ZERO = 0x30;
const ONE = 0x31;
const DEBUG = 0x64;
const SPAN_DIGITS = 16;

/** `{trace id}-{span id}-{sampled}-{parent's span id}`, the last two optional; the trace id has 32 digits or 16. */
export const b3: ContextFormat = {
  headers: ['b3'],
  read(header, first, words) {
    const at = header.stringAt(first);
    if (at < 0) return -1;
    const { buf } = header;
    const end = at + header.stringLength(first);
    const digits = buf[at + 16] === DASH ? 16 : 32;
    const span = at + digits + 1;
    const spanEnd = span + SPAN_DIGITS;
    if (spanEnd > end || buf[span - 1] !== DASH) return -1;
    if (!readHexDigits(buf, at, digits, 4, words, 0)) return -1;
    if (!readHexDigits(buf, span, SPAN_DIGITS, 2, words, 4)) return -1;
    if (spanEnd === end) return 0;
    if (buf[spanEnd] !== DASH) return -1;
    // a state, or at once the parent's id
    const hasState = spanEnd + 2 === end || buf[spanEnd + 2] === DASH;
    const parent = hasState ? spanEnd + 2 : spanEnd;
    if (parent !== end && (parent + 1 + SPAN_DIGITS !== end || !isHex(buf, parent + 1, SPAN_DIGITS))) return -1;
    if (!hasState || buf[spanEnd + 1] === ZERO) return 0;
    return buf[spanEnd + 1] === ONE || buf[spanEnd + 1] === DEBUG ? FLAG_SAMPLED : -1;
  },
  write: templates((isSampled) => ({
    b3: ['trace', { text: '-' }, 'span', { text: isSampled ? '-1' : '-0' }],
  })),
};

const scratch = new Uint32Array(2);

/** A parent's id of zeros is one as well. */
function isHex(buf: Uint8Array, at: number, length: number): boolean {
  for (let i = 0; i < length; i++) {
    if (buf[at + i] !== ZERO && !readHexDigits(buf, at + i, 1, 1, scratch, 0)) return false;
  }
  return true;
}

const TRACE_ID = 0;
const SPAN_ID = 1;
const SAMPLED = 2;
const FLAGS = 3;
const LOWER = ['x-b3-traceid', 'x-b3-spanid', 'x-b3-sampled', 'x-b3-flags'];

/**
 * A header each. HTTP's names have no case, AMQP's do: SDKs write those of HTTP in lower case or as B3 spells them, so both
 * are read. Lower case is written.
 */
export const b3multi: ContextFormat = {
  headers: [...LOWER, 'X-B3-TraceId', 'X-B3-SpanId', 'X-B3-Sampled', 'X-B3-Flags'],
  read(header, first, words) {
    const names = header.value(first + TRACE_ID) >= 0 ? first : first + LOWER.length;
    const trace = header.stringAt(names + TRACE_ID);
    const span = header.stringAt(names + SPAN_ID);
    if (trace < 0 || span < 0) return -1;
    const digits = header.stringLength(names + TRACE_ID);
    if ((digits !== 16 && digits !== 32) || header.stringLength(names + SPAN_ID) !== SPAN_DIGITS) return -1;
    if (!readHexDigits(header.buf, trace, digits, 4, words, 0)) return -1;
    if (!readHexDigits(header.buf, span, SPAN_DIGITS, 2, words, 4)) return -1;
    if (says(header, names + FLAGS, ['1'])) return FLAG_SAMPLED;
    if (says(header, names + SAMPLED, ['1', 'true', 'True'])) return FLAG_SAMPLED;
    if (header.value(names + SAMPLED) < 0 || says(header, names + SAMPLED, ['0', 'false', 'False'])) return 0;
    return -1;
  },
  write: templates((isSampled) => ({
    [LOWER[TRACE_ID]]: ['trace'],
    [LOWER[SPAN_ID]]: ['span'],
    [LOWER[SAMPLED]]: [{ text: isSampled ? '1' : '0' }],
  })),
};

/** Whether a known header is one of these texts. */
export function says(header: ContentHeader, known: number, texts: readonly string[]): boolean {
  const at = header.stringAt(known);
  if (at < 0) return false;
  const length = header.stringLength(known);
  return texts.some((text) => {
    if (text.length !== length) return false;
    for (let i = 0; i < length; i++) if (header.buf[at + i] !== text.charCodeAt(i)) return false;
    return true;
  });
}
