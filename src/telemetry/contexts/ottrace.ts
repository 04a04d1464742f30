import { FLAG_SAMPLED } from '../traces/traceparent.ts';
import { says } from './b3.ts';
import type { ContextFormat } from './context-format.ts';
import { readHexDigits } from './hex-digits.ts';
import { templates } from './template.ts';

const TRACE_ID = 0;
const SPAN_ID = 1;
const SAMPLED = 2;

/** OpenTracing's basic tracers: trace ids of 64 bits, so the first half of ours is not written. */
export const ottrace: ContextFormat = {
  headers: ['ot-tracer-traceid', 'ot-tracer-spanid', 'ot-tracer-sampled'],
  read(header, first, words) {
    const trace = header.stringAt(first + TRACE_ID);
    const span = header.stringAt(first + SPAN_ID);
    if (trace < 0 || span < 0) return -1;
    if (!readHexDigits(header.buf, trace, header.stringLength(first + TRACE_ID), 4, words, 0)) return -1;
    if (!readHexDigits(header.buf, span, header.stringLength(first + SPAN_ID), 2, words, 4)) return -1;
    return says(header, first + SAMPLED, ['true', '1']) ? FLAG_SAMPLED : 0;
  },
  write: templates((isSampled) => ({
    'ot-tracer-traceid': ['low trace'],
    'ot-tracer-spanid': ['span'],
    'ot-tracer-sampled': [{ text: String(isSampled) }],
  })),
};
