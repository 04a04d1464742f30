import { defaultTextMapGetter, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { viewOf } from '../../src/amqp/bytes.ts';
import { createIdPool } from '../../src/telemetry/traces/ids.ts';
import {
  BLANK_TRACEPARENT,
  fillTraceparent,
  parseTraceparent,
  TRACEPARENT_LENGTH,
} from '../../src/telemetry/traces/traceparent.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const WORDS = [0x0af76519, 0x16cd43dd, 0x8448eb21, 0x1c80319c, 0xb7ad6b71, 0x69203331];

/** Flags of `text` read from the middle of a buffer, with the words it gave. */
function parse(text: string): { flags: number; words: number[] } {
  const buf = Buffer.concat([Buffer.from('0'), Buffer.from(text, 'latin1'), Buffer.from('-0')]);
  const words = new Uint32Array(8);
  const flags = parseTraceparent(buf, 1, buf.length - 3, words, 1);
  expect([words[0], words[7]]).toEqual([0, 0]);
  return { flags, words: [...words.subarray(1, 7)] };
}

test.each([
  ['sampled', `00-${TRACE}-${SPAN}-01`, 1],
  ['unsampled', `00-${TRACE}-${SPAN}-00`, 0],
  ['the random flag of level 2', `00-${TRACE}-${SPAN}-03`, 3],
  ['flags nobody knows', `00-${TRACE}-${SPAN}-ff`, 255],
  ['a later version of the same length', `01-${TRACE}-${SPAN}-01`, 1],
  ['a later version with more to say', `cc-${TRACE}-${SPAN}-01-what-the-future-brings`, 1],
  ['a later version with nothing after the dash', `fe-${TRACE}-${SPAN}-01-`, 1],
])('%s: read', (_, text, flags) => {
  expect(parse(text)).toEqual({ flags, words: WORDS });
});

test.each([
  ['empty', ''],
  ['cut', `00-${TRACE}-${SPAN}-0`],
  ['version ff', `ff-${TRACE}-${SPAN}-01`],
  ['version 00 with more to say', `00-${TRACE}-${SPAN}-01-x`],
  ['version 00 with a trailing dash', `00-${TRACE}-${SPAN}-01-`],
  ['later version, longer, without dash', `01-${TRACE}-${SPAN}-01x`],
  ['uppercase trace id', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
  ['uppercase span id', `00-${TRACE}-${SPAN.toUpperCase()}-01`],
  ['uppercase flags', `00-${TRACE}-${SPAN}-0A`],
  ['uppercase version', `0A-${TRACE}-${SPAN}-01`],
  ['trace id of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
  ['span id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
  ['flags that are no hex', `00-${TRACE}-${SPAN}-0g`],
  ['version that is no hex', `0g-${TRACE}-${SPAN}-01`],
  ['first dash missing', `000${TRACE}-${SPAN}-01`],
  ['second dash missing', `00-${TRACE}0${SPAN}-01`],
  ['third dash missing', `00-${TRACE}-${SPAN}001`],
])('%s: refused, and the words are left alone', (_, text) => {
  expect(parse(text)).toEqual({ flags: -1, words: [0, 0, 0, 0, 0, 0] });
});

test('a length beyond the buffer is refused', () => {
  const buf = Buffer.from(`00-${TRACE}-${SPAN}-01`);
  expect(parseTraceparent(buf, 1, buf.length, new Uint32Array(6), 0)).toBe(-1);
});

test('a context reads back as it was written', () => {
  const pool = createIdPool();
  fc.assert(
    fc.property(fc.boolean(), fc.nat(20), (sampled, at) => {
      const words = new Uint32Array(6);
      pool.traceId(words, 0);
      pool.spanId(words, 4);
      const buf = Buffer.alloc(at + TRACEPARENT_LENGTH + 1, '.');
      buf.write(BLANK_TRACEPARENT, at);
      fillTraceparent(words, 0, sampled, viewOf(buf), at);
      expect(buf.toString()).toMatch(/^\.*00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]\.$/);
      const back = new Uint32Array(6);
      expect(parseTraceparent(buf, at, TRACEPARENT_LENGTH, back, 0)).toBe(sampled ? 1 : 0);
      expect(back).toEqual(words);
    }),
  );
});

/** What the SDK's propagator makes of a traceparent: ids and flags, or undefined. */
function propagated(traceparent: string) {
  const context = new W3CTraceContextPropagator().extract(ROOT_CONTEXT, { traceparent }, defaultTextMapGetter);
  return trace.getSpanContext(context);
}

test('what is written is understood by the SDK', () => {
  const buf = Buffer.from(BLANK_TRACEPARENT);
  fillTraceparent(new Uint32Array(WORDS), 0, true, viewOf(buf), 0);
  expect(propagated(buf.toString())).toEqual({ traceId: TRACE, spanId: SPAN, traceFlags: 1, isRemote: true });
});

test('any mutation of a valid context is accepted exactly if the specification says so', () => {
  const valid = /^(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:$|(?<!^00.*)-)/s;
  const edit = fc.record({
    at: fc.nat(60),
    text: fc.oneof(fc.constantFrom('', '-', '0', 'f', 'A', 'ff'), fc.string()),
  });
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 3 }), fc.nat(2), (edits, cut) => {
      let text = `00-${TRACE}-${SPAN}-01`;
      for (const { at, text: put } of edits) text = text.slice(0, at) + put + text.slice(at + cut);
      text = Buffer.from(text, 'latin1').toString('latin1');
      expect(parse(text).flags >= 0).toBe(valid.test(text));
    }),
    { numRuns: 5000 },
  );
});
