import fc from 'fast-check';
import { rule as ruleSchema } from '../../src/config/rule-schema.ts';
import type { LoadedPlugin } from '../../src/plugins/load.ts';
import type { Plugin } from '../../src/plugins/plugin.ts';
import { matchedProperties } from '../../src/rules/rule.ts';

// Everything that configuration can say of messages. A key, fault or action of the schema that is in none of
// these lists fails test/proxy/scanning-complete.test.ts: add it here, and scanning.test.ts tries it.

/** A rule as the file has it. */
export interface RuleText {
  match: Record<string, unknown>;
  [action: string]: unknown;
}

/** Who the app says it is: what rules by app and connection, and loss.exempt, go by. */
export const client = { product: 'scanned', connectionName: 'shop-1', user: 'guest' };

/** Each fits some messages of the stream (scanning-frames.ts), or none of them on purpose. */
export const matches: readonly RuleText['match'][] = [
  { exchange: 'orders' },
  { exchange: '#', side: 'publish' },
  { exchange: 'orders', side: 'consume' },
  { routingKey: 'a.*.c' },
  { routingKey: '/^(?<first>[^.]+)/', vhost: '/' },
  { vhost: '/' },
  { queue: 'jobs' },
  { app: 'shop' },
  { app: 'stranger' },
  { connection: '/^shop/' },
  { headers: { 'x-tenant': '/^acme/' } },
  { headers: { 'x-tenant': true } },
  { properties: Object.fromEntries(matchedProperties.map((name) => [name, true])) },
  { properties: Object.fromEntries(matchedProperties.map((name) => [name, false])) },
  { properties: { deliveryMode: '2' } },
  { headers: { 'x-tenant': false }, exchange: 'orders' },
  { probability: 0 },
  { probability: 0.5 },
  { probability: 1 },
];

const faults: readonly Record<string, unknown>[] = [
  { type: 'latency', attributes: { latency: '20ms', jitter: '10ms' } },
  { type: 'bandwidth', attributes: { rate: 10 } },
  { type: 'stall', for: '100ms' },
  { type: 'drop', toxicity: 0.5 },
  { type: 'nack' },
  { type: 'duplicate' },
  { type: 'reorder', attributes: { distance: 2, wait: '50ms' } },
  { type: 'hide_confirms', for: '100ms' },
  { type: 'hold_settlements', attributes: { latency: '20ms', jitter: '10ms' } },
  { type: 'hold_settlements', toxicity: 0.5, for: '100ms' },
  { type: 'reset', toxicity: 0.2 },
  { type: 'close_connection', toxicity: 0.2, attributes: { code: 320, text: 'on purpose' } },
  { type: 'close_channel', toxicity: 0.2, attributes: { code: 406, text: 'on purpose' } },
];

export const actions: readonly Record<string, unknown>[] = [
  { topic: 'renamed' },
  { pipeline: 'other' },
  { propagate: false },
  { propagate: true },
  { loss: { mode: 'off' } },
  { loss: { mode: 'returns' } },
  { loss: { mode: 'confirms' } },
  { loss: { unroutable: 'expected' } },
  { loss: { unroutable: 'lost' } },
  { loss: { fanout: 2 } },
  { loss: { deadLetters: true } },
  { loss: { deadLetters: false } },
  { sample: 0 },
  { sample: 'always' },
  { headers: { add: { 'x-env': 'staging', 'x-tenant': 'replaced' } } },
  { headers: { add: { 'x-tenant': 'replaced' }, replace: true } },
  { headers: { add: { 'x-tenant': 'replaced' }, replace: false } },
  { headers: { remove: ['x-tenant', 'x-order'] } },
  { rateLimit: 20 },
  ...faults.map((fault) => ({ faults: [fault] })),
];

/** Whether the schema takes it: some actions can't depend on some matches. */
const isValid = (rule: RuleText): boolean => ruleSchema.safeParse(rule).success;

/** Every action on all that it can be done to, and every match, with something that shows. */
export const singleRules: readonly RuleText[] = [
  ...actions.map((action) => ({ match: { exchange: 'orders' }, ...action })),
  ...matches.map((match) => ({ match, topic: 'renamed' })),
];

const merged = (list: readonly Record<string, unknown>[]): Record<string, unknown> => {
  const rule: Record<string, unknown> = {};
  for (const action of list)
    for (const [key, value] of Object.entries(action)) {
      const before = rule[key];
      if (Array.isArray(before)) rule[key] = [...before, ...(value as unknown[])];
      else if (typeof before === 'object') rule[key] = { ...before, ...(value as object) };
      else rule[key] = value;
    }
  return rule;
};

const rules: fc.Arbitrary<RuleText> = fc
  .tuple(fc.constantFrom(...matches), fc.array(fc.constantFrom(...actions), { minLength: 1, maxLength: 3 }))
  .map(([match, list]) => ({ match, ...merged(list) }))
  .filter(isValid);

/** What else of the configuration messages depend on, by the names of its settings: two values at least. */
export const settings: Readonly<Record<string, readonly unknown[]>> = {
  'loss.mode': ['off', 'returns', 'confirms'],
  'loss.settleOnClose': ['250ms', '0s'],
  'loss.exempt': [[], [{ product: client.product }], [{ connectionName: '/^shop/' }], [{ user: 'somebody' }]],
  pipeline: ['p', undefined],
  'tracing.maxTracesPerSecond': [50, 3, 0],
  'tracing.injectUnsampled': [true, false],
  'tracing.cause': ['link', 'parent', 'off'],
  'rpc.timeout': ['30s', '100ms'],
  'rounds.poison': [5, 1],
  'tracing.keep.slow': ['auto', 'off', '50ms'],
  // of those that end at the same moment, which ones a limit takes depends on chunks
  'tracing.keep.maxPerSecond': [10_000, 0],
  'tracing.attributes.headers': [[], ['x-tenant', 'x-order']],
  'tracing.attributes.baggage': [[], ['tenant']],
  'limits.windowPerChannel': [1000, 4],
  'faults.enabled': [true, true, false],
};

/** Settings, or whole sections of them, of which no message on the wire knows. */
export const notOfMessages: readonly string[] = [
  // connections and the process
  'listen',
  'upstream',
  'admin',
  'bypass',
  'process',
  'workers',
  'log',
  'drain',
  'limits.connections',
  // what the main thread does with events
  'limits.losses',
  'limits.poison',
  'tracing.queue',
  'page.traces',
  'peers',
  'tracing.consumer',
  // what of them is shown is checked when the file is read
  'tracing.attributes.never',
  'tracing.maxLossSpansPerSecond',
  // how finely is counted, not what
  'metrics',
];

export interface Scenery {
  rules: readonly RuleText[];
  settings: Readonly<Record<string, unknown>>;
}

/** The text of the configuration file: JSON is YAML too. */
export function fileOf({ rules, settings }: Scenery): string {
  const root: Record<string, unknown> = { rules };
  for (const [name, value] of Object.entries(settings)) {
    const keys = name.split('.');
    const last = keys.pop() as string;
    let section = root;
    for (const key of keys) {
      section[key] ??= {};
      section = section[key] as Record<string, unknown>;
    }
    section[last] = value;
  }
  return JSON.stringify(root);
}

export const sceneries: fc.Arbitrary<Scenery> = fc.record({
  rules: fc.oneof(fc.constant([]), fc.array(rules, { maxLength: 4 })),
  settings: fc.record(Object.fromEntries(Object.entries(settings).map(([name, of]) => [name, fc.constantFrom(...of)]))),
});

/** As the rest of a test needs it: nothing special but what `rules` say. */
export const plainly = (rules: readonly RuleText[], given: Record<string, unknown> = {}): Scenery => ({
  rules,
  settings: { 'loss.mode': 'returns', pipeline: 'p', 'faults.enabled': true, ...given },
});

const plugin = (hooks: Plugin): LoadedPlugin => ({
  settings: { module: 'scanned', options: {}, budget: Number.POSITIVE_INFINITY },
  name: 'scanned',
  hooks: (['onPublish', 'onDeliver'] as const).filter((hook) => hook in hooks),
  counters: [],
  plugin: hooks,
});

export const plugins: Readonly<Record<string, readonly LoadedPlugin[]>> = {
  headers: [
    plugin({
      onPublish: ({ routingKey, bodySize }) =>
        routingKey === 'a' ? { headers: { add: { 'x-size': String(bodySize) }, remove: ['x-order'] } } : undefined,
    }),
  ],
  sampling: [
    plugin({
      onPublish: ({ bodySize }) => ({ sample: bodySize > 50 }),
      onDeliver: ({ headers }) => ({ sample: 'x-tenant' in headers }),
    }),
  ],
  failing: [
    plugin({
      onPublish({ exchange }) {
        if (exchange === 'orders') throw new Error('on purpose');
        return { sample: true, headers: { add: { 'x-tenant': 'plugin' }, replace: true } };
      },
    }),
    plugin({ onDeliver: ({ redelivered }) => ({ sample: redelivered }) }),
  ],
};

export const samplers = ['parentbased_always_off', 'parentbased_always_on', 'always_on', 'always_off', undefined];
