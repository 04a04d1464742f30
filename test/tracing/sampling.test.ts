import { ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  SamplingDecision,
  type Sampler as SdkSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { viewOf } from '../../src/amqp/bytes.ts';
import { writeHex } from '../../src/events/hex.ts';
import { createSampler, type Sampler } from '../../src/telemetry/propagation/sampling.ts';
import { createIdPool } from '../../src/telemetry/traces/ids.ts';

const LIMIT = { maxTracesPerSecond: 50 };
const id = new Uint32Array([1, 2, 3, 4]);

function hex(words: Uint32Array): string {
  const text = Buffer.alloc(32);
  writeHex(words, 0, 4, viewOf(text), 0);
  return text.toString();
}

/** What an SDK sampler says of a trace id, with a remote parent of the given flag or without. */
function sdkSays(sampler: SdkSampler, traceId: string, parent?: boolean): boolean {
  const context =
    parent === undefined
      ? ROOT_CONTEXT
      : trace.setSpanContext(ROOT_CONTEXT, {
          traceId,
          spanId: 'b7ad6b7169203331',
          traceFlags: parent ? 1 : 0,
          isRemote: true,
        });
  const { decision } = sampler.shouldSample(context, traceId, 'publish orders', SpanKind.PRODUCER, {}, []);
  return decision === SamplingDecision.RECORD_AND_SAMPLED;
}

describe('every decision is the one the SDK would take', () => {
  const samplers: [string, string, SdkSampler][] = [
    ['always_on', '', new AlwaysOnSampler()],
    ['always_off', '', new AlwaysOffSampler()],
    ['parentbased_always_on', '', new ParentBasedSampler({ root: new AlwaysOnSampler() })],
    ['parentbased_always_off', '', new ParentBasedSampler({ root: new AlwaysOffSampler() })],
    ...['0', '0.001', '0.1', '0.5', '0.999', '1', '1e-9'].flatMap((arg): [string, string, SdkSampler][] => [
      ['traceidratio', arg, new TraceIdRatioBasedSampler(Number(arg))],
      ['parentbased_traceidratio', arg, new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(Number(arg)) })],
    ]),
  ];
  test.each(samplers)('%s %s', (name, arg, sdk) => {
    const ours = createSampler({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: arg }, LIMIT);
    const pool = createIdPool();
    const words = new Uint32Array(5);
    for (let i = 0; i < 5000; i++) {
      pool.traceId(words, 1);
      const traceId = hex(words.subarray(1));
      expect(ours.root(words, 1, 0)).toBe(sdkSays(sdk, traceId));
      expect(ours.child(true, words, 1, 0)).toBe(sdkSays(sdk, traceId, true));
      expect(ours.child(false, words, 1, 0)).toBe(sdkSays(sdk, traceId, false));
    }
  });

  test('at the bound of a ratio to the last bit', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: -2, max: 2 }), (ratio, off) => {
        const ours = createSampler({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: `${ratio}` }, LIMIT);
        const words = new Uint32Array([0, 0, 0, Math.floor(ratio * 0xffffffff) + off]);
        fc.pre(words[3] !== 0);
        expect(ours.root(words, 0, 0)).toBe(sdkSays(new TraceIdRatioBasedSampler(ratio), hex(words)));
      }),
    );
  });
});

/** How many of `count` new traces at one moment are sampled. */
describe('what a rule says of sampling', () => {
  const id = Uint32Array.of(1, 2, 3, 4);

  test.each([
    ['nothing set', {}],
    ['always_on', { OTEL_TRACES_SAMPLER: 'always_on' }],
    ['always_off', { OTEL_TRACES_SAMPLER: 'always_off' }],
    ['parentbased_always_off', { OTEL_TRACES_SAMPLER: 'parentbased_always_off' }],
    ['traceidratio', { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' }],
  ])('decides alone on new traces, with %s', (_, env) => {
    const sampler = createSampler(env, { maxTracesPerSecond: 1 });
    for (let i = 0; i < 100; i++) {
      expect([sampler.root(id, 0, 0, 1), sampler.root(id, 0, 0, 0)]).toEqual([true, false]);
    }
    // nor does it use up what others may have
    expect(sampler.limited).toBe(0);
  });

  test('is a ratio by the trace id, as that of the SDK', () => {
    const sampler = createSampler({}, { maxTracesPerSecond: 0 });
    const sdk = new TraceIdRatioBasedSampler(0.3);
    for (let i = 0; i < 500; i++) {
      const words = Uint32Array.from(
        { length: 4 },
        (_, word) => Math.imul(i + 1, 0x9e3779b1 + word * 0x85ebca77) >>> 0,
      );
      expect(sampler.root(words, 0, 0, 0.3)).toBe(sdkSays(sdk, hex(words)));
    }
  });

  test('is nothing while the SDK is disabled', () => {
    const sampler = createSampler({ OTEL_SDK_DISABLED: 'true' }, { maxTracesPerSecond: 50 });
    expect(sampler.root(id, 0, 0, 1)).toBe(false);
  });
});

function roots(sampler: Sampler, count: number, nowMs: number): number {
  let sampled = 0;
  for (let i = 0; i < count; i++) if (sampler.root(id, 0, nowMs)) sampled++;
  return sampled;
}

describe('with OTEL_TRACES_SAMPLER unset', () => {
  test('new traces are sampled up to the limit, and the rest counted', () => {
    const sampler = createSampler({}, LIMIT);
    expect(roots(sampler, 1000, 5_000_000)).toBe(50);
    expect(sampler.limited).toBe(950);
    expect(roots(sampler, 1000, 5_000_100)).toBe(5);
    expect(roots(sampler, 1000, 5_060_000)).toBe(50);
    expect(sampler.limited).toBe(950 + 995 + 950);
  });

  test('no second ever sees more than a burst and its refill', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ wait: fc.nat(300), count: fc.nat(40) })), (steps) => {
        const sampler = createSampler({}, LIMIT);
        let now = 0;
        let sampled = 0;
        let asked = 0;
        for (const { wait, count } of steps) {
          now += wait;
          asked += count;
          sampled += roots(sampler, count, now);
        }
        expect(sampled).toBeLessThanOrEqual(50 + (now * 50) / 1000);
        expect(sampled + sampler.limited).toBe(asked);
      }),
    );
  });

  test('a message with a context of its own follows it, beyond any limit', () => {
    const sampler = createSampler({}, { maxTracesPerSecond: 1 });
    for (let i = 0; i < 100; i++) {
      expect(sampler.child(true, id, 0, 0)).toBe(true);
      expect(sampler.child(false, id, 0, 0)).toBe(false);
    }
    expect(sampler.limited).toBe(0);
    expect(roots(sampler, 2, 0)).toBe(1);
  });

  test('a limit below one a second still lets traces through, 0 none', () => {
    const seldom = createSampler({}, { maxTracesPerSecond: 0.1 });
    expect([roots(seldom, 5, 0), roots(seldom, 5, 9_999), roots(seldom, 5, 20_001)]).toEqual([1, 0, 1]);
    expect(roots(createSampler({}, { maxTracesPerSecond: 0 }), 5, 0)).toBe(0);
  });

  test('a clock that steps back gives nothing away', () => {
    const sampler = createSampler({}, LIMIT);
    roots(sampler, 50, 10_000);
    expect(roots(sampler, 50, 0)).toBe(0);
    expect(roots(sampler, 50, 100)).toBe(5);
  });
});

test.each(['TRUE', ' true '])('OTEL_SDK_DISABLED=%s samples nothing, whatever else is set', (value) => {
  const sampler = createSampler({ OTEL_SDK_DISABLED: value, OTEL_TRACES_SAMPLER: 'always_on' }, LIMIT);
  expect([sampler.root(id, 0, 0), sampler.child(true, id, 0, 0)]).toEqual([false, false]);
});

/** Warnings of an environment, and how many of 100 new traces at once it samples. */
function outcome(env: Record<string, string>): { warnings: string[]; sampled: number } {
  const warnings: string[] = [];
  const sampler = createSampler(env, { ...LIMIT, warn: (message) => warnings.push(message) });
  return { warnings, sampled: roots(sampler, 100, 0) };
}

test.each(['jaeger_remote', 'parentbased_jaeger_remote', 'xray', 'ALWAYS_ON'])(
  'a sampler that is not supported (%s) is named, and the default used',
  (name) => {
    const { warnings, sampled } = outcome({ OTEL_TRACES_SAMPLER: name });
    expect(warnings).toEqual([expect.stringContaining(`OTEL_TRACES_SAMPLER: '${name}' is not supported`)]);
    expect(sampled).toBe(50);
  },
);

test.each(['', ' ', 'half', '1.5', '-0.1'])('a ratio of %j is named and taken as 1, as the SDK does', (arg) => {
  const { warnings, sampled } = outcome({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: arg });
  expect(warnings).toEqual([`OTEL_TRACES_SAMPLER_ARG: '${arg}' is not a number from 0 to 1, using 1`]);
  expect(sampled).toBe(100);
});

test('what is fine or unset is not warned of', () => {
  for (const env of [{}, { OTEL_TRACES_SAMPLER: ' ' }, { OTEL_TRACES_SAMPLER: 'always_off' }]) {
    expect(outcome(env).warnings).toEqual([]);
  }
});
