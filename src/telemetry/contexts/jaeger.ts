import { FLAG_SAMPLED } from '../traces/traceparent.ts';
import type { ContextFormat } from './context-format.ts';
import { readHexDigits, readSmallHex } from './hex-digits.ts';
import { templates } from './template.ts';

const COLON = 0x3a;
const PERCENT = 0x25;
const PARTS = 4;

/** Where each part begins, and its length. */
const starts = new Int32Array(PARTS);
const lengths = new Int32Array(PARTS);

/**
 * `{trace id}:{span id}:{parent's span id}:{flags}`, ids without their leading zeros, the colons perhaps as they stand in
 * a URL.
 */
export const jaeger: ContextFormat = {
  headers: ['uber-trace-id'],
  read(header, first, words) {
    const at = header.stringAt(first);
    if (at < 0) return -1;
    const { buf } = header;
    if (!split(buf, at, at + header.stringLength(first))) return -1;
    if (!readHexDigits(buf, starts[0], lengths[0], 4, words, 0)) return -1;
    if (!readHexDigits(buf, starts[1], lengths[1], 2, words, 4)) return -1;
    const flags = readSmallHex(buf, starts[3], lengths[3]);
    return flags < 0 ? -1 : flags & FLAG_SAMPLED;
  },
  write: templates((isSampled) => ({
    'uber-trace-id': ['trace', { text: ':' }, 'span', { text: isSampled ? ':0:01' : ':0:00' }],
  })),
};

function split(buf: Uint8Array, from: number, end: number): boolean {
  let part = 0;
  starts[0] = from;
  for (let i = from; i < end; i++) {
    const isEncoded = buf[i] === PERCENT && buf[i + 1] === 0x33 && (buf[i + 2] | 0x20) === 0x61 && i + 3 <= end;
    if (buf[i] !== COLON && !isEncoded) continue;
    lengths[part] = i - starts[part];
    if (isEncoded) i += 2;
    if (++part === PARTS) return false;
    starts[part] = i + 1;
  }
  lengths[part] = end - starts[part];
  return part === PARTS - 1;
}
