import { writeHex } from '../../events/hex.ts';
import { CONTEXT_WORDS, readHex, readHexByte, SPAN_WORDS, TRACE_WORDS } from './ids.ts';

/** A traceparent of version 00 without ids, unsampled. */
export const BLANK_TRACEPARENT = `00-${'0'.repeat(32)}-${'0'.repeat(16)}-00`;
export const TRACEPARENT_LENGTH = BLANK_TRACEPARENT.length;
export const FLAG_SAMPLED = 0x01;

const DASH = 0x2d;
const ONE = 0x31;
export const TRACE_AT = 3;
export const SPAN_AT = 36;
const FLAGS_AT = 53;

/** Read into first, so that a context that turns out invalid leaves the caller's words alone. */
const scratch = new Uint32Array(CONTEXT_WORDS);

/**
 * Reads the W3C traceparent in `buf[start, start + length)` into 6 words of `words` from `at`
 * (trace id, then span id). Returns its flags byte, or -1 if it is invalid: then start a new trace.
 *
 * A version above 00 may be longer, after one more dash; what follows is not looked at.
 */
export function parseTraceparent(buf: Buffer, start: number, length: number, words: Uint32Array, at: number): number {
  if (length < TRACEPARENT_LENGTH || start + length > buf.length) return -1;
  if (buf[start + 2] !== DASH || buf[start + 35] !== DASH || buf[start + 52] !== DASH) return -1;
  const version = readHexByte(buf, start);
  if (version < 0 || version === 0xff) return -1;
  if (length > TRACEPARENT_LENGTH && (version === 0 || buf[start + TRACEPARENT_LENGTH] !== DASH)) return -1;
  const flags = readHexByte(buf, start + FLAGS_AT);
  if (flags < 0) return -1;
  if (!readHex(buf, start + TRACE_AT, TRACE_WORDS, scratch, 0)) return -1;
  if (!readHex(buf, start + SPAN_AT, SPAN_WORDS, scratch, TRACE_WORDS)) return -1;
  for (let i = 0; i < CONTEXT_WORDS; i++) words[at + i] = scratch[i];
  return flags;
}

/** Puts the 6 words at `offset` into BLANK_TRACEPARENT, which stands in `target` from `at`. */
export function fillTraceparent(
  words: Uint32Array,
  offset: number,
  sampled: boolean,
  target: DataView,
  at: number,
): void {
  writeHex(words, offset, TRACE_WORDS, target, at + TRACE_AT);
  writeHex(words, offset + TRACE_WORDS, SPAN_WORDS, target, at + SPAN_AT);
  if (sampled) markSampled(target, at);
}

/** Sets the flag in an unsampled traceparent of version 00 that stands in `target` at `at`. */
export function markSampled(target: DataView, at: number): void {
  target.setUint8(at + FLAGS_AT + 1, ONE);
}
