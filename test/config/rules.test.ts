import { describe, expect, test } from 'vitest';
import { load, problems } from './given.ts';

test('rules come out in order, as plain data that another thread can be given', () => {
  const yaml = `rules:
  - match: { exchange: orders, routingKey: 'created.*' }
    topic: orders.created
  - match: { vhost: /, queue: '/^(.*)-retry$/i', side: consume }
    topic: $1
    pipeline: retries
    propagate: false
    loss: { deadLetters: true }
  - match: { exchange: '' }
    loss: off
  - match: { exchange: audit }
    loss: { mode: confirms, unroutable: expected, fanout: 2.5 }
  - match: { app: billing, connection: '/^import-/', headers: { tenant: 'acme.*', debug: true, x-old: false }, probability: 0.5 }
    sample: always
    headers: { add: { x-env: staging }, remove: [x-old], replace: true }
    rateLimit: 100
`;
  const { rules } = load({ yaml });
  expect(rules).toEqual([
    { match: { exchange: 'orders', routingKey: 'created.*' }, topic: 'orders.created' },
    {
      match: { vhost: '/', queue: '/^(.*)-retry$/i', side: 'consume' },
      topic: '$1',
      pipeline: 'retries',
      propagate: false,
      loss: { deadLetters: true },
    },
    { match: { exchange: '' }, loss: { mode: 'off' } },
    { match: { exchange: 'audit' }, loss: { mode: 'confirms', unroutable: 'expected', fanout: 2.5 } },
    {
      match: {
        app: 'billing',
        connection: '/^import-/',
        headers: { tenant: 'acme.*', debug: true, 'x-old': false },
        probability: 0.5,
      },
      sample: 1,
      headers: { add: { 'x-env': 'staging' }, remove: ['x-old'], replace: true },
      rateLimit: 100,
    },
  ]);
  expect(structuredClone(rules)).toEqual(rules);
});

test('exempt clients, beside a flag that gives the mode', () => {
  const yaml = "loss: { exempt: [{ product: Celery }, { connectionName: '/^batch-/', user: batch }] }";
  expect(load({ yaml, argv: ['--loss', 'confirms', '--loss-settle-on-close', '0s'] }).loss).toEqual({
    mode: 'confirms',
    settleOnClose: 0,
    exempt: [{ product: 'Celery' }, { connectionName: '/^batch-/', user: 'batch' }],
  });
});

test('all that is wrong with rules is told at once, each with its place', () => {
  const yaml = `rules:
  - match: { exchnge: orders }
    topic: a
  - match: { exchange: orders }
    topc: a
  - match: { exchange: orders, side: consumer }
    loss: retruns
  - match: { routingKey: 'a.b*', queue: '/(/' }
    loss: { fanout: 0, unroutable: maybe }
  - exchange: orders
    topic: a
  - { match: { exchange: a }, mode: off }
`;
  expect(problems({ yaml })).toEqual([
    'file:2:14: rules[0].match: unknown key `exchnge`, did you mean `exchange`?',
    'file:5:5: rules[1]: unknown key `topc`, did you mean `topic`?',
    'file:6:38: rules[2].match.side: expects publish or consume, did you mean `consume`?',
    'file:7:11: rules[2].loss: expects off, returns or confirms, did you mean `returns`?',
    expect.stringMatching(/^file:8:26: rules\[3\]\.match\.routingKey: has \* or # beside other characters/),
    'file:8:41: rules[3].match.queue: is no regular expression: Unterminated group',
    'file:9:21: rules[3].loss.fanout: expects a number above 0',
    'file:9:36: rules[3].loss.unroutable: expects expected or lost',
    'file:10:5: rules[4].match: is missing',
    'file:10:5: rules[4]: unknown key `exchange`, did you mean `rules[].match.exchange`?',
    'file:12:31: rules[5]: unknown key `mode`, did you mean `rules[].loss.mode`?',
  ]);
});

describe('what is wrong with one entry', () => {
  test.each([
    ['no list', 'rules: { match: { exchange: a } }', 'file:1:8: rules: expects a list, each entry with a dash'],
    ['no keys', 'rules: [orders]', 'file:1:9: rules[0]: expects keys and values: match, and what applies'],
    [
      'nothing to match',
      'rules: [{ match: {}, topic: a }]',
      'file:1:18: rules[0].match: expects at least one of vhost,',
    ],
    ['empty match', 'rules: [{ match: , topic: a }]', 'file:1:18: rules[0].match: expects at least one of vhost,'],
    ['nothing applies', 'rules: [{ match: { exchange: a } }]', 'file:1:9: rules[0]: says nothing of what applies;'],
    [
      'empty loss',
      'rules: [{ match: { vhost: a }, loss: {} }]',
      'file:1:38: rules[0].loss: expects at least one of mode,',
    ],
    ['empty queue', "rules: [{ match: { queue: '' }, topic: a }]", 'file:1:27: rules[0].match.queue: is empty;'],
    [
      'number',
      'rules: [{ match: { exchange: 5 }, topic: a }]',
      'file:1:30: rules[0].match.exchange: expects a name, or',
    ],
    ['# unquoted', 'rules:\n  - match:\n      queue: #', 'file:3:14: rules[0].match.queue: expects a name, or'],
    [
      'a queue on the publishing side',
      'rules: [{ match: { queue: q, side: publish }, topic: a }]',
      'file:1:27: rules[0].match.queue: never matches with side: publish',
    ],
    [
      'a capture that is not there',
      "rules: [{ match: { exchange: '/^(.*)$/' }, topic: $2 }]",
      "file:1:51: rules[0].topic: refers to $2, but the rule's regular expressions capture 1",
    ],
    [
      'slow expression',
      "rules: [{ match: { exchange: '/^(a+)+$/' }, topic: $1 }]",
      'file:1:30: rules[0].match.exchange: has a repeated group with repetition',
    ],
    [
      'a pattern of a header that can not be used',
      "rules: [{ match: { headers: { a: '/(/' } }, topic: a }]",
      'file:1:34: rules[0].match.headers.a: is no regular expression: Unterminated group',
    ],
    [
      'a number where text is compared',
      'rules: [{ match: { headers: { a: 5 } }, topic: a }]',
      'file:1:34: rules[0].match.headers.a: expects a value or a pattern, in quotes if it is a number;',
    ],
    [
      'no header',
      'rules: [{ match: { headers: {} }, topic: a }]',
      'file:1:29: rules[0].match.headers: expects at least one name of a header',
    ],
    [
      'headers as a list',
      'rules: [{ match: { headers: [a] }, topic: a }]',
      'file:1:29: rules[0].match.headers: expects names of headers, each with',
    ],
    [
      'the long name of a header',
      `rules: [{ match: { headers: { ${'y'.repeat(256)}: true } }, topic: a }]`,
      `file:1:289: rules[0].match.headers.${'y'.repeat(60)}…: expects the name of a header, 1 to 255 bytes`,
    ],
    [
      'a chance over 1',
      'rules: [{ match: { probability: 2 }, topic: a }]',
      'file:1:33: rules[0].match.probability: expects a number from 0 to 1',
    ],
    [
      'loss by headers',
      'rules: [{ match: { headers: { a: true } }, loss: off }]',
      "file:1:50: rules[0].loss: can't depend on match.headers: it is decided by names, before",
    ],
    [
      'loss by chance',
      'rules: [{ match: { probability: 0.5 }, loss: { fanout: 1 } }]',
      "file:1:46: rules[0].loss: can't depend on match.probability: it is decided by names, before",
    ],
    [
      'too many rules that ask the message',
      `rules: [${Array(31).fill('{ match: { probability: 0.5 }, topic: a }')}]`,
      'file:1:1278: rules[30].match: is one too many: at most 30 rules can go by properties, headers or probability',
    ],
    [
      'what a header does not capture',
      "rules: [{ match: { headers: { a: '/(x)/' } }, topic: $2 }]",
      "file:1:54: rules[0].topic: refers to $2, but the rule's regular expressions capture 1",
    ],
    [
      'a property that there is not',
      'rules: [{ match: { properties: { kind: x } }, topic: a }]',
      'file:1:34: rules[0].match.properties: unknown key `kind`; known here: type, appId',
    ],
    [
      'a priority that there is not',
      'rules: [{ match: { properties: { priority: 300 } }, topic: a }]',
      'file:1:44: rules[0].match.properties.priority: expects a number from 0 to 255 or a pattern; true: there is one, or false: there is none',
    ],
    [
      'a sample of words',
      'rules: [{ match: { exchange: a }, sample: allways }]',
      'file:1:43: rules[0].sample: expects a number from 0 to 1, or always',
    ],
    [
      'a rate too low for heartbeats',
      'rules: [{ match: { exchange: a }, rateLimit: 0.5 }]',
      'file:1:46: rules[0].rateLimit: expects messages a second, 1 or more',
    ],
    [
      'a header of our own, added',
      'rules: [{ match: { exchange: a }, headers: { add: { traceparent: x } } }]',
      'file:1:66: rules[0].headers.add.traceparent: no rule can change what Tracehare itself reads: traceparent,',
    ],
    [
      'a header of our own, removed',
      'rules: [{ match: { exchange: a }, headers: { remove: [x-death] } }]',
      'file:1:55: rules[0].headers.remove[0]: no rule can change what Tracehare itself reads: traceparent,',
    ],
    [
      'a number as a header',
      'rules: [{ match: { exchange: a }, headers: { add: { x: 5 } } }]',
      'file:1:56: rules[0].headers.add.x: expects text; put quotes around a number',
    ],
    [
      'too much to add',
      `rules: [{ match: { exchange: a }, headers: { add: { x: ${'y'.repeat(2048)} } } }]`,
      'file:1:51: rules[0].headers.add: is more than 2048 bytes, names included',
    ],
    [
      'nothing to add',
      'rules: [{ match: { exchange: a }, headers: { add: {} } }]',
      'file:1:51: rules[0].headers.add: expects at least one name of a header',
    ],
    [
      'nothing to replace',
      'rules: [{ match: { exchange: a }, headers: { replace: true } }]',
      'file:1:55: rules[0].headers.replace: says how to add; expects add beside it',
    ],
    [
      'headers of deliveries, by queue',
      'rules: [{ match: { queue: a }, headers: { remove: [x] } }]',
      'file:1:41: rules[0].headers: are changed in publishes only;',
    ],
    [
      'headers of deliveries, by side',
      'rules: [{ match: { exchange: a, side: consume }, headers: { remove: [x] } }]',
      'file:1:59: rules[0].headers: are changed in publishes only;',
    ],
    [
      'misspelt match',
      'rules: [{ match: { header: {} }, topic: a }]',
      'file:1:20: rules[0].match: unknown key `header`',
    ],
    ['exempt: nobody', 'loss: { exempt: [{}] }', 'file:1:18: loss.exempt[0]: expects at least one of product,'],
    [
      'exempt: misspelt',
      'loss: { exempt: [{ usr: a }] }',
      'file:1:20: loss.exempt[0]: unknown key `usr`, did you mean `user`?',
    ],
    ['exempt: no list', 'loss: { exempt: a }', 'file:1:17: loss.exempt: expects a list'],
    ['exempt: slow', "loss: { exempt: [{ user: '/(a+)+/' }] }", 'file:1:26: loss.exempt[0].user: has a repeated group'],
  ])('%s', (_, yaml, problem) => {
    const found = problems({ yaml });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(new RegExp(`^${RegExp.escape(problem)}`));
  });
});

test.each(['--rules', '--rules-match-exchange', '--loss-exempt', '--loss-exempt-user'])('%s is no flag', (flag) => {
  expect(problems({ argv: [`${flag}=a`] })).toEqual([expect.stringContaining(`unknown flag \`${flag}\``)]);
});
