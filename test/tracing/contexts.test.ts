import {
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api';
import { B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { viewOf } from '../../src/amqp/bytes.ts';
import { ContentHeader } from '../../src/amqp/content.ts';
import { hexOf } from '../../src/events/hex.ts';
import { type ContextFormat, MOST_CONTEXT_BYTES } from '../../src/telemetry/contexts/context-format.ts';
import { FORMATS, wantedContexts } from '../../src/telemetry/contexts/contexts.ts';
import { type Entry, encodeHeader, string } from '../../testing/wire.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SHORT = '8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const ZEROS = '0'.repeat(16);

type Headers = Record<string, string>;

const format = (name: string): ContextFormat => FORMATS.get(name) as ContextFormat;

function headerOf(known: readonly string[], entries: Entry[]): ContentHeader {
  const header = new ContentHeader(known);
  const bytes = encodeHeader({
    channel: 1,
    classId: 60,
    weight: 0,
    bodySize: 0n,
    flags: [0x2000],
    before: Buffer.alloc(0),
    entries,
    after: Buffer.alloc(0),
  });
  expect(header.read(bytes, 0, bytes.length)).toBe(true);
  return header;
}

/** What a format reads of these headers: trace id, span id and whether it is sampled. */
function read(name: string, headers: Headers): [string, string, boolean] | undefined {
  const of = format(name);
  // other headers are located in front of them
  const header = headerOf(
    ['traceparent', ...of.headers],
    [string('b', '1'), ...Object.entries(headers).map(([key, value]) => string(key, value))],
  );
  const words = new Uint32Array(6);
  const flags = of.read(header, 1, words);
  return flags < 0 ? undefined : [hexOf(words, 0, 4), hexOf(words, 4, 2), flags === 1];
}

const wordsOf = (hex: string): number[] => hex.match(/.{8}/g)?.map((word) => Number.parseInt(word, 16)) ?? [];

/** The headers that a format writes. */
function written(name: string, traceId: string, spanId: string, sampled: boolean): Headers {
  const bytes = Buffer.alloc(MOST_CONTEXT_BYTES + 16);
  const words = Uint32Array.from([7, ...wordsOf(traceId), ...wordsOf(spanId)]);
  const size = format(name).write({ words, trace: 1, span: 5 }, sampled, viewOf(bytes), 8);
  const headers: Headers = {};
  let at = 8;
  while (at < 8 + size) {
    const key = bytes.toString('latin1', at + 1, at + 1 + bytes[at]);
    at += 1 + bytes[at];
    expect(String.fromCharCode(bytes[at])).toBe('S');
    const length = bytes.readUInt32BE(at + 1);
    headers[key] = bytes.toString('latin1', at + 5, at + 5 + length);
    at += 5 + length;
  }
  expect(at).toBe(8 + size);
  return headers;
}

describe.each([...FORMATS.keys()])('%s', (name) => {
  test('reads what it wrote, whatever the ids', () => {
    const id = (digits: number) =>
      fc
        .array(fc.constantFrom(...'0123456789abcdef'), { minLength: digits, maxLength: digits })
        .map((all) => all.join(''));
    const isId = (hex: string) => !/^0+$/.test(hex);
    fc.assert(
      fc.property(id(32), id(16).filter(isId), fc.boolean(), (traceId, spanId, sampled) => {
        fc.pre(isId(traceId.slice(16)));
        const whole = name === 'ottrace' ? `${ZEROS}${traceId.slice(16)}` : traceId;
        expect(read(name, written(name, traceId, spanId, sampled))).toEqual([whole, spanId, sampled]);
      }),
    );
  });

  test('takes nothing for a context that is none, whatever stands there', () => {
    const texts = fc.oneof(fc.string({ maxLength: 60 }), fc.stringMatching(/^[0-9a-f:-]{0,60}$/));
    fc.assert(
      fc.property(fc.array(texts, { minLength: 8, maxLength: 8 }), (values) => {
        const headers = Object.fromEntries(format(name).headers.map((header, i) => [header, values[i]]));
        const found = read(name, headers);
        if (found !== undefined)
          expect(found.join()).toMatch(/^(?!0{32})[0-9a-f]{32},(?!0{16})[0-9a-f]{16},(true|false)$/);
      }),
    );
  });

  test('and nothing for one where there is no such header', () => {
    expect(read(name, { traceparent: `00-${TRACE}-${SPAN}-01` })).toBeUndefined();
  });
});

describe('B3 as the SDK has it', () => {
  const sdk: Record<string, TextMapPropagator> = {
    b3: new B3Propagator(),
    b3multi: new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER }),
  };

  test.each(['b3', 'b3multi'])('%s: written alike', (name) => {
    for (const sampled of [true, false]) {
      const carrier: Headers = {};
      const span = { traceId: TRACE, spanId: SPAN, traceFlags: sampled ? 1 : 0, isRemote: true };
      sdk[name].inject(trace.setSpanContext(ROOT_CONTEXT, span), carrier, defaultTextMapSetter);
      expect(written(name, TRACE, SPAN, sampled)).toEqual(carrier);
    }
  });

  test.each<[string, string, Headers]>([
    ['b3', 'sampled', { b3: `${TRACE}-${SPAN}-1` }],
    ['b3', 'unsampled', { b3: `${TRACE}-${SPAN}-0` }],
    ['b3', 'debug', { b3: `${TRACE}-${SPAN}-d` }],
    ['b3', 'undecided', { b3: `${TRACE}-${SPAN}` }],
    ['b3', 'with a parent', { b3: `${TRACE}-${SPAN}-1-${ZEROS}` }],
    ['b3', 'undecided with a parent', { b3: `${TRACE}-${SPAN}-05e3ac9a4f6e3b90` }],
    ['b3', 'with a short trace id', { b3: `${SHORT}-${SPAN}-1` }],
    ['b3', 'only a decision', { b3: '0' }],
    ['b3', 'a trace id of zeros', { b3: `${ZEROS}${ZEROS}-${SPAN}-1` }],
    ['b3', 'a span id of zeros', { b3: `${TRACE}-${ZEROS}-1` }],
    ['b3multi', 'sampled', { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-sampled': '1' }],
    ['b3multi', 'true', { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-sampled': 'true' }],
    ['b3multi', 'unsampled', { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-sampled': '0' }],
    ['b3multi', 'undecided', { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN }],
    ['b3multi', 'debug', { 'x-b3-traceid': SHORT, 'x-b3-spanid': SPAN, 'x-b3-flags': '1' }],
    ['b3multi', 'a decision nobody knows', { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-sampled': 'maybe' }],
    ['b3multi', 'no span', { 'x-b3-traceid': TRACE, 'x-b3-sampled': '1' }],
    ['b3multi', 'a long span id', { 'x-b3-traceid': TRACE, 'x-b3-spanid': TRACE, 'x-b3-sampled': '1' }],
  ])('%s, %s: read alike', (name, _, headers) => {
    const context = trace.getSpanContext(sdk[name].extract(ROOT_CONTEXT, headers, defaultTextMapGetter));
    expect(read(name, headers)).toEqual(context && [context.traceId, context.spanId, context.traceFlags === 1]);
  });
});

test.each<[string, Headers, [string, string, boolean] | undefined]>([
  ['b3multi', { 'X-B3-TraceId': TRACE, 'X-B3-SpanId': SPAN, 'X-B3-Sampled': '1' }, [TRACE, SPAN, true]],
  ['b3', { b3: `${TRACE}-${SPAN}-1-` }, undefined],
  ['b3', { b3: `${TRACE}-${SPAN}-1-05e3` }, undefined],
  ['jaeger', { 'uber-trace-id': `${TRACE}:${SPAN}:0:1` }, [TRACE, SPAN, true]],
  ['jaeger', { 'uber-trace-id': `${TRACE}%3A${SPAN}%3a0%3A3` }, [TRACE, SPAN, true]],
  ['jaeger', { 'uber-trace-id': `1a:b:0:0` }, [`${ZEROS}${'0'.repeat(14)}1a`, `${'0'.repeat(15)}b`, false]],
  ['jaeger', { 'uber-trace-id': `${TRACE}:${SPAN}:0` }, undefined],
  ['jaeger', { 'uber-trace-id': `${TRACE}:${SPAN}:0:1:2` }, undefined],
  ['jaeger', { 'uber-trace-id': `${TRACE}1:${SPAN}:0:1` }, undefined],
  ['jaeger', { 'uber-trace-id': `:${SPAN}:0:1` }, undefined],
  [
    'datadog',
    {
      'x-datadog-trace-id': '9532127138774266268',
      'x-datadog-parent-id': '13235353014750950193',
      'x-datadog-sampling-priority': '2',
    },
    [`${ZEROS}${SHORT}`, SPAN, true],
  ],
  [
    'datadog',
    {
      'x-datadog-trace-id': '9532127138774266268',
      'x-datadog-parent-id': '13235353014750950193',
      'x-datadog-sampling-priority': '-1',
      'x-datadog-tags': '_dd.p.dm=-1,_dd.p.tid=0af7651916cd43dd,_dd.p.usr=x',
    },
    [TRACE, SPAN, false],
  ],
  ['datadog', { 'x-datadog-trace-id': '18446744073709551616', 'x-datadog-parent-id': '1' }, undefined],
  [
    'datadog',
    { 'x-datadog-trace-id': '18446744073709551615', 'x-datadog-parent-id': '1' },
    [`${ZEROS}${'f'.repeat(16)}`, `${'0'.repeat(15)}1`, false],
  ],
  ['datadog', { 'x-datadog-trace-id': '12', 'x-datadog-parent-id': '0' }, undefined],
  [
    'ottrace',
    { 'ot-tracer-traceid': SHORT, 'ot-tracer-spanid': SPAN, 'ot-tracer-sampled': 'true' },
    [`${ZEROS}${SHORT}`, SPAN, true],
  ],
  [
    'ottrace',
    { 'ot-tracer-traceid': SHORT, 'ot-tracer-spanid': SPAN, 'ot-tracer-sampled': 'false' },
    [`${ZEROS}${SHORT}`, SPAN, false],
  ],
])('%s %o', (name, headers, context) => {
  expect(read(name, headers)).toEqual(context);
});

test("Datadog's numbers are those of the ids", () => {
  expect(written('datadog', TRACE, SPAN, true)).toEqual({
    'x-datadog-trace-id': String(BigInt(`0x${SHORT}`)),
    'x-datadog-parent-id': String(BigInt(`0x${SPAN}`)),
    'x-datadog-sampling-priority': '1',
    'x-datadog-tags': `_dd.p.tid=${TRACE.slice(0, 16)}`,
  });
});

test('all formats together take less than the room there is for them', () => {
  const sizes = [...FORMATS.values()].map((of) =>
    of.write({ words: new Uint32Array(6).fill(0xffff_ffff), trace: 0, span: 4 }, false, viewOf(Buffer.alloc(1024)), 0),
  );
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(MOST_CONTEXT_BYTES);
});

describe('OTEL_PROPAGATORS', () => {
  const wanted = (value?: string) => {
    const warnings: string[] = [];
    const { w3c, further } = wantedContexts({ OTEL_PROPAGATORS: value }, (message) => warnings.push(message));
    return { w3c, further: further.map((of) => [...FORMATS].find(([, each]) => each === of)?.[0]), warnings };
  };

  test.each([
    [undefined, []],
    ['', []],
    ['tracecontext,baggage', []],
    ['b3', ['b3']],
    [' Datadog , b3multi,datadog', ['datadog', 'b3multi']],
  ])('%s', (value, further) => {
    expect(wanted(value)).toEqual({ w3c: true, further, warnings: [] });
  });

  test('none, also among others, turns all of it off', () => {
    expect(wanted('b3,none')).toEqual({ w3c: false, further: [], warnings: [] });
  });

  test('unknown ones are told in one warning', () => {
    const { further, warnings } = wanted('xray,b3,b4');
    expect(further).toEqual(['b3']);
    expect(warnings).toEqual([
      expect.stringContaining("'xray', 'b4' not supported; supported are tracecontext, baggage, b3,"),
    ]);
  });
});
