// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is how a topic refers to a capture
import { describe, expect, test } from 'vitest';
import type { PassageNames } from '../../src/proxy/routing/treatment.ts';
import { compileClients } from '../../src/rules/clients.ts';
import { PatternError } from '../../src/rules/pattern-error.ts';
import type { Rule } from '../../src/rules/rule.ts';
import { compileRules } from '../../src/rules/rules.ts';

const naming = (exchange: string, routingKey: string) => `named ${exchange || routingKey}`;
const publish = (names: Partial<PassageNames> = {}): PassageNames => ({
  side: 'publish',
  vhost: '/',
  exchange: 'orders',
  routingKey: 'created.eu',
  queue: '',
  group: '',
  ...names,
});
const delivery = (names: Partial<PassageNames> = {}) => publish({ side: 'consume', queue: 'billing', ...names });
const fold = (topic: string) => topic;
const compile = (rules: Rule[]) => compileRules(rules, { loss: 'returns', naming, fold });
const treat = (rules: Rule[], names = publish()) => compile(rules).treat(names);
const topic = (match: Rule['match'], names = publish()) =>
  treat([{ match, topic: 'matched' }], names).topic === 'matched';

test('without rules, everything is as configured', () => {
  const expected = {
    topic: 'named orders',
    pipeline: undefined,
    propagate: true,
    loss: 'returns',
    unroutableExpected: false,
    deadLetters: false,
    fanout: undefined,
    mayStrike: false,
  };
  expect(treat([])).toEqual(expected);
  expect(treat([{ match: { exchange: 'other' }, topic: 'other' }])).toEqual(expected);
  expect(treat([], publish({ exchange: '' })).topic).toBe('named created.eu');
});

test('every action arrives', () => {
  const rule: Rule = {
    match: { exchange: 'orders' },
    topic: 'orders',
    pipeline: 'shop',
    propagate: false,
    loss: { mode: 'confirms', unroutable: 'expected', fanout: 2, deadLetters: true },
  };
  expect(treat([rule])).toEqual({
    topic: 'orders',
    pipeline: 'shop',
    propagate: false,
    loss: 'confirms',
    unroutableExpected: true,
    deadLetters: true,
    fanout: 2,
    mayStrike: false,
  });
});

describe('of the rules that match, the first that mentions an action decides on it', () => {
  const match = { exchange: 'orders' };

  test('a later one adds what earlier ones leave open', () => {
    const treatment = treat([
      { match, topic: 'first' },
      { match: { exchange: 'other' }, propagate: false, pipeline: 'other' },
      { match, topic: 'second', pipeline: 'second', loss: { fanout: 1 } },
      { match, pipeline: 'third', loss: { mode: 'off', fanout: 3 } },
    ]);
    expect(treatment).toMatchObject({ topic: 'first', pipeline: 'second', fanout: 1, loss: 'off', propagate: true });
  });

  test('an exception before the rule, said in full, holds', () => {
    const treatment = treat([
      { match, propagate: true, loss: { unroutable: 'lost', deadLetters: false, mode: 'returns' } },
      { match, propagate: false, loss: { unroutable: 'expected', deadLetters: true, mode: 'off' } },
    ]);
    expect(treatment).toMatchObject({
      propagate: true,
      unroutableExpected: false,
      deadLetters: false,
      loss: 'returns',
    });
  });
});

describe('a rule matches', () => {
  test.each<[Rule['match'], PassageNames, boolean]>([
    [{ exchange: 'orders' }, publish(), true],
    [{ exchange: 'orders' }, delivery(), true],
    [{ exchange: 'orders', side: 'publish' }, delivery(), false],
    [{ exchange: 'orders', side: 'consume' }, delivery(), true],
    [{ exchange: 'orders', side: 'consume' }, publish(), false],
    [{ exchange: 'orders', routingKey: 'created.*' }, publish(), true],
    [{ exchange: 'orders', routingKey: 'deleted.*' }, publish(), false],
    [{ vhost: '/', exchange: '' }, publish(), false],
    [{ vhost: '/', exchange: '' }, publish({ exchange: '' }), true],
    [{ queue: 'billing' }, delivery(), true],
    [{ queue: 'billing' }, delivery({ queue: 'other' }), false],
    [{ vhost: 'eu' }, delivery(), false],
  ])('%j against %j: %s', (match, names, expected) => {
    expect(topic(match, names)).toBe(expected);
  });

  test.each(['#', '/^/', '/.*/'])('no publish by queue, even with %s', (queue) => {
    expect(topic({ queue })).toBe(false);
    expect(topic({ queue }, delivery())).toBe(true);
  });
});

describe('a topic made of captures', () => {
  test.each([
    ['$1', 'created'],
    ['orders.$2', 'orders.eu'],
    ['${2}1.$1', 'eu1.created'],
    ['${kind}-${kind}', 'created-created'],
    ['$$1', '$1'],
    ['5$ or $x', '5$ or $x'],
  ])('%s', (template, expected) => {
    expect(treat([{ match: { routingKey: '/^(?<kind>[^.]+)\\.(.+)$/' }, topic: template }]).topic).toBe(expected);
  });

  test('they are counted through vhost, exchange, routing key and queue, however the match is written', () => {
    const match = { queue: '/(l+)/', routingKey: '/^(c)/', exchange: '/(s)$/', vhost: '/(.)/' };
    expect(treat([{ match, topic: '$1 $2 $3 $4' }], delivery()).topic).toBe('/ s c ll');
  });

  test('a name given in two alternatives is whichever took part', () => {
    const rules: Rule[] = [{ match: { routingKey: '/^(?:(?<what>[^.]+)\\.eu|us\\.(?<what>.+))$/' }, topic: '${what}' }];
    expect(treat(rules).topic).toBe('created');
    expect(treat(rules, publish({ routingKey: 'us.deleted' })).topic).toBe('deleted');
  });

  test('that comes out empty is none: the next rule names it', () => {
    const empty: Rule = { match: { routingKey: '/^(x?)/' }, topic: '$1', pipeline: 'shop' };
    expect(treat([empty])).toMatchObject({ topic: 'named orders', pipeline: 'shop' });
    expect(treat([empty, { match: { exchange: 'orders' }, topic: 'next' }]).topic).toBe('next');
  });

  test.each([
    [{ exchange: 'orders' }, '$1', 'no regular expression of the rule captures anything; a dollar sign itself is $$'],
    [{ exchange: '/(a)(b)/' }, '$3', "the rule's regular expressions capture 2, counted from $1"],
    [{ exchange: '/(a)/' }, '$0', 'capture 1, counted from $1'],
    [{ exchange: '/(?<a>a)/' }, '${b}', "the rule's groups are named a"],
    [{ exchange: '/(a)/' }, '${b}', 'no regular expression of the rule has a group of that name'],
    [{ exchange: '/(?<a>a)/', queue: '/(?<a>a)/' }, '${a}', 'two regular expressions have a group of that name'],
  ])('%j with %s is refused', (match, topic, message) => {
    expect(() => compile([{ match, topic }])).toThrow(PatternError);
    expect(() => compile([{ match, topic }])).toThrow(message);
  });
});

describe('clients', () => {
  const client = { product: 'Celery', connectionName: 'batch.eu', user: 'guest' };

  test.each([
    [[], false],
    [[{ product: 'Celery' }], true],
    [[{ product: 'celery' }], false],
    [[{ product: '/^celery$/i' }], true],
    [[{ connectionName: 'batch.*' }], true],
    [[{ product: 'Celery', user: 'admin' }], false],
    [[{ product: 'Celery', user: 'guest', connectionName: 'batch.eu' }], true],
    [[{ user: 'admin' }, { user: 'guest' }], true],
  ])('%j: %s', (matches, expected) => {
    expect(compileClients(matches)(client)).toBe(expected);
  });
});
