import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ContentHeader } from '../../src/amqp/content.ts';
import type { Treatment } from '../../src/proxy/routing/treatment.ts';
import type { Rule } from '../../src/rules/rule.ts';
import { compileRules } from '../../src/rules/rules.ts';
import { type Entry, entry, header, string, table, u32, u64 } from '../../testing/wire.ts';

const client = { product: 'AMQPLIB', connectionName: 'billing-7d9f8b6c5-x2x4z', user: 'guest' };
const names = { side: 'publish', vhost: '/', exchange: 'orders', routingKey: 'created', queue: '' } as const;
const compile = (rules: Rule[]) =>
  compileRules(rules, { loss: 'returns', naming: (exchange) => exchange, fold: (topic) => topic });

/** What rules say of a message with these headers. */
function treat(rules: Rule[], entries?: Entry[], who = client): Treatment {
  const compiled = compile(rules);
  const treatment = compiled.treat({ ...names, group: compiled.group(who) });
  if (treatment.byMessage === undefined) return treatment;
  const frame = header(1, 0, entries);
  const flyweight = new ContentHeader(['traceparent']);
  expect(flyweight.read(frame, 0, frame.length)).toBe(true);
  return treatment.byMessage.treatment(treatment.byMessage.mask(flyweight));
}
const fits = (match: Rule['match'], entries?: Entry[], who = client) =>
  treat([{ match, topic: 'matched' }], entries, who).topic === 'matched';

describe('headers', () => {
  const entries = [
    string('tenant', 'acme'),
    entry('bytes', 'x', Buffer.concat([u32(3), Buffer.from('abc')])),
    entry('count', 'I', u32(5)),
    entry('big', 'l', u64(2n ** 53n + 1n)),
    entry('share', 'd', Buffer.from([0x3f, 0xf8, 0, 0, 0, 0, 0, 0])),
    entry('paid', 't', Buffer.of(1)),
    entry('at', 'T', u64(1_700_000_000)),
    entry('nothing', 'V', Buffer.alloc(0)),
    entry('nested', 'F', table([string('tenant', 'acme')])),
    string('twice', 'first'),
    string('twice', 'last'),
    string('empty', ''),
    string('long', 'y'.repeat(256)),
    string('ünïcode', 'straße'),
  ];

  test.each<[NonNullable<Rule['match']['headers']>, boolean]>([
    [{ tenant: 'acme' }, true],
    [{ tenant: 'Acme' }, false],
    [{ tenant: '/^ac/' }, true],
    [{ tenant: '*' }, true],
    [{ tenant: 'acme', paid: 'false' }, false],
    [{ tenant: 'acme', paid: 'true' }, true],
    [{ Tenant: 'acme' }, false],
    [{ tenan: true }, false],
    [{ bytes: 'abc' }, true],
    [{ count: '5' }, true],
    [{ count: '/^\\d$/' }, true],
    [{ big: '9007199254740993' }, true],
    [{ share: '1.5' }, true],
    [{ at: '1700000000' }, false],
    [{ at: true, nothing: true, nested: true, long: true, empty: true }, true],
    [{ nothing: '/^/' }, false],
    [{ nested: '/^/' }, false],
    [{ twice: 'last' }, true],
    [{ twice: 'first' }, false],
    [{ empty: '/^$/' }, true],
    [{ long: '/^y/' }, false],
    [{ ünïcode: 'straße' }, true],
    [{ absent: false }, true],
    [{ tenant: false }, false],
    [{ absent: '/^/' }, false],
  ])('%j: %s', (headers, expected) => {
    expect(fits({ headers }, entries)).toBe(expected);
    expect(fits({ exchange: 'orders', headers }, entries)).toBe(expected);
    expect(fits({ exchange: 'other', headers }, entries)).toBe(false);
  });

  test('a message without headers has none of them', () => {
    expect([fits({ headers: { a: true } }), fits({ headers: { a: false } }), fits({ headers: { a: '/^/' } })]).toEqual([
      false,
      true,
      false,
    ]);
  });
});

describe('chance', () => {
  test('0 is never, 1 is always', () => {
    for (let i = 0; i < 100; i++) expect([fits({ probability: 0 }), fits({ probability: 1 })]).toEqual([false, true]);
  });

  test('each message draws anew, as often as it says', () => {
    let count = 0;
    for (let i = 0; i < 2000; i++) if (fits({ probability: 0.25 })) count++;
    // 500 expected, with a standard deviation of 19: eight of them
    expect(count).toBeGreaterThan(345);
    expect(count).toBeLessThan(655);
  });
});

describe('clients', () => {
  test.each<[Rule['match'], boolean]>([
    [{ app: 'billing' }, true],
    [{ app: 'AMQPLIB' }, false],
    [{ connection: 'billing' }, false],
    [{ connection: '/^billing-/' }, true],
    [{ app: 'billing', connection: '/-x2x4z$/' }, true],
    [{ app: 'billing', connection: 'other' }, false],
    [{ app: 'billing', exchange: 'other' }, false],
  ])('%j: %s', (match, expected) => expect(fits(match)).toBe(expected));

  test('who gives no name is known by its library and user, and has an empty connection name', () => {
    const nameless = { ...client, connectionName: '' };
    expect(fits({ app: 'AMQPLIB/guest' }, [], nameless)).toBe(true);
    expect(fits({ connection: '' }, [], nameless)).toBe(true);
  });

  test('share their routes exactly if the same rules fit them', () => {
    const { group } = compile([
      { match: { exchange: 'orders' }, topic: 'a' },
      { match: { app: 'billing' }, topic: 'b' },
      { match: { connection: '/-x2x4z$/' }, topic: 'c' },
    ]);
    const of = (connectionName: string) => group({ ...client, connectionName });
    expect(of('billing-1')).toBe(of('billing-2'));
    expect(new Set([of('billing-1'), of(client.connectionName), of('orders-x2x4z'), of('other')]).size).toBe(4);
    expect(of('other')).toBe('');
  });
});

describe('of the rules that match, the first that mentions an action decides on it', () => {
  test('whatever it goes by', () => {
    const rules: Rule[] = [
      { match: { headers: { tenant: 'acme' } }, topic: 'acme', sample: 1 },
      { match: { app: 'billing' }, sample: 0.5, headers: { add: { x: 'y' } } },
      { match: { exchange: 'orders' }, topic: 'orders', sample: 0, headers: { remove: ['z'] }, rateLimit: 5 },
    ];
    const other = { ...client, connectionName: 'other' };
    const [acme, billing, rest] = [treat(rules, [string('tenant', 'acme')]), treat(rules, []), treat(rules, [], other)];
    expect([acme.topic, acme.sample]).toEqual(['acme', 1]);
    expect([billing.topic, billing.sample]).toEqual(['orders', 0.5]);
    expect([rest.topic, rest.sample]).toEqual(['orders', 0]);
    expect(acme.headers).toMatchObject({ remove: [], replace: false });
    expect(rest.headers).toMatchObject({ add: [], remove: [Buffer.from('z')] });
    // one account for all that a rule limits
    expect(compile(rules).treat({ ...names, group: '' }).rateLimit).toEqual({ perSecond: 5 });
  });

  test('a rule is one account, whatever the route', () => {
    const { treat } = compile([{ match: { exchange: 'orders' }, rateLimit: 5 }]);
    const [one, two] = ['a', 'b'].map((routingKey) => treat({ ...names, routingKey, group: '' }).rateLimit);
    expect(one).toBe(two);
  });

  test('any combination of thirty rules is told apart as if each were asked', () => {
    const keys = Array.from({ length: 30 }, (_, i) => `h${i}`);
    const rules = keys.map((key): Rule => ({ match: { headers: { [key]: true } }, topic: key }));
    fc.assert(
      fc.property(fc.subarray(keys), (present) => {
        const entries = present.map((key) => string(key, 'x'));
        expect(treat(rules, entries).topic).toBe(present[0] ?? 'orders');
      }),
      { numRuns: 200 },
    );
  });
});

test('headers are of publishes alone', () => {
  const { treat } = compile([{ match: { exchange: 'orders' }, headers: { add: { x: 'y' } } }]);
  expect(treat({ ...names, group: '' }).headers).toBeDefined();
  expect(treat({ ...names, side: 'consume', queue: 'q', group: '' }).headers).toBeUndefined();
});
