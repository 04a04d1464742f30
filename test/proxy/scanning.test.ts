import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { plainly, plugins, type RuleText, samplers, sceneries, singleRules } from './scanning-config.ts';
import { alikeDeliveries, alikePublishes, appFrames, brokerFrames } from './scanning-frames.ts';
import { type Cutting, pass, type Scenario, type Step } from './scanning-pass.ts';

// Messages that lie whole in a chunk take a shorter way through the data plane than those that come in
// pieces. What passes, what is counted and what is told must not depend on it, whatever is done to messages.

const RUNS = Number(process.env.MODEL_RUNS ?? 60);

/** Pieces that no frame of a message fits into. */
const crumbs: Cutting = (bytes) =>
  Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(i * 7, i * 7 + 7));
const whole: Cutting = (bytes) => (bytes.length === 0 ? [] : [bytes]);
/** Pieces of these sizes, over and over. */
const cut =
  (sizes: readonly number[]): Cutting =>
  (bytes) => {
    const pieces: Buffer[] = [];
    for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length])
      pieces.push(bytes.subarray(at, at + sizes[i % sizes.length]));
    return pieces;
  };

const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 60, max: 2000 })), {
  minLength: 1,
  maxLength: 5,
});

const says: fc.Arbitrary<Step> = fc
  .tuple(
    fc.oneof(
      fc.array(appFrames, { minLength: 1, maxLength: 10 }).map((list) => ({ by: 'app' as const, frames: list.flat() })),
      fc
        .array(brokerFrames, { minLength: 1, maxLength: 10 })
        .map((list) => ({ by: 'broker' as const, frames: list.flat() })),
    ),
    fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(200)),
  )
  .map(([said, cut]) => ({ do: 'say', ...said, cut }));

const happenings: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom(1, 20, 100, 300, 1200).map((ms): Step => ({ do: 'wait', ms })),
  sceneries.map((scenery): Step => ({ do: 'reload', scenery })),
  fc
    .tuple(fc.constantFrom('app' as const, 'broker' as const), fc.boolean())
    .map(([side, on]): Step => ({ do: 'slow', side, on })),
  fc.constant<Step>({ do: 'age' }),
);

const steps = fc.array(fc.oneof({ weight: 3, arbitrary: says }, happenings), { minLength: 1, maxLength: 8 });

const circumstances = {
  plugin: fc.constantFrom(undefined, undefined, undefined, ...Object.keys(plugins)),
  sampler: fc.constantFrom(...samplers),
  frameMax: fc.constantFrom(0, 131_072, 131_072, 250),
  brokerVersion: fc.constantFrom('3.10.0', '3.10.0', '3.9.0'),
  mode: fc.constantFrom('plain' as const, 'plain' as const, 'confirm' as const, 'tx' as const),
  noAck: fc.boolean(),
  steps,
};

/** The rest of what a reset or a rate limit leaves unread is lost with its socket, and how much that is depends on chunks. */
function isDecided({ scenery, steps }: Scenario): boolean {
  const all = [scenery, ...steps.flatMap((step) => (step.do === 'reload' ? [step.scenery] : []))];
  const text = JSON.stringify(all.map(({ rules }) => rules));
  return !(text.includes('rateLimit') && /"(reset|close_connection)"/.test(text));
}

async function expectSame(scenario: Scenario, sizes: readonly number[]): Promise<void> {
  const apart = await pass(scenario, crumbs);
  expect(await pass(scenario, whole)).toEqual(apart);
  expect(await pass(scenario, cut(sizes))).toEqual(apart);
}

test('what passes, counts and is told is the same in one piece, in pieces and in crumbs', async () => {
  await fc.assert(
    fc.asyncProperty(fc.record({ scenery: sceneries, ...circumstances }).filter(isDecided), cuts, expectSame),
    { numRuns: RUNS },
  );
});

const alikeSteps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.oneof(
        alikePublishes.map((frames): Step => ({ do: 'say', by: 'app', frames, cut: 0 })),
        alikeDeliveries.map((frames): Step => ({ do: 'say', by: 'broker', frames, cut: 0 })),
      ),
    },
    { weight: 1, arbitrary: says },
    { weight: 1, arbitrary: fc.constant<Step>({ do: 'wait', ms: 100 }) },
  ),
  { minLength: 1, maxLength: 6 },
);

test('so it is with messages that are alike but for numbers and names', async () => {
  const scenery = fc.constantFrom(plainly([]), plainly([], { 'tracing.keep.slow': '50ms', 'tracing.cause': 'parent' }));
  const scenario = fc.record({ ...circumstances, scenery, plugin: fc.constant(undefined), steps: alikeSteps });
  await fc.assert(fc.asyncProperty(scenario.filter(isDecided), cuts, expectSame), { numRuns: RUNS });
});

describe('so it is under each single rule', () => {
  const named = singleRules.map((rule): [string, RuleText] => [JSON.stringify(rule), rule]);
  test.each(named)('%s', async (_, rule) => {
    const scenery = fc.constant(plainly([rule]));
    await fc.assert(fc.asyncProperty(fc.record({ ...circumstances, scenery }).filter(isDecided), cuts, expectSame), {
      numRuns: Math.ceil(RUNS / 20),
    });
  });
});
