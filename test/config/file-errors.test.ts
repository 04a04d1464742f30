import { describe, expect, test } from 'vitest';
import { load, problems } from './given.ts';

test('all that is wrong with a file is told at once, each with its place', () => {
  const yaml = `lisen: 127.0.0.1:1
upstream:
  - amqp://a
  - amqp://user:pass@b
tracing:
  consumr: link
  consumer: lnk
metrics: { buckets: { latency: [1, 2, x], confirm: [2, 1] } }
log:
  level: [info]
drain:
  timeout: 10
maxTopics: 3
`;
  expect(problems({ yaml })).toEqual([
    'file:1:1: unknown key `lisen`, did you mean `listen`?',
    "file:3:3: upstream: must not hold credentials: the app's own pass through; remove user and password",
    'file:6:3: tracing: unknown key `consumr`, did you mean `consumer`?',
    'file:7:13: tracing.consumer: expects parent, link or both, did you mean `link`?',
    'file:8:39: metrics.buckets.latency[2]: expects numbers of seconds',
    'file:8:52: metrics.buckets.confirm: expects bounds in ascending order, each once',
    'file:10:10: log.level: expects fatal, error, warn, info, debug or trace',
    'file:12:12: drain.timeout: expects a number with a unit (ms, s, m or h), such as 250ms or 10s',
    'file:13:1: unknown key `maxTopics`, did you mean `metrics.maxTopics`?',
  ]);
});

describe('what is wrong is told where it is', () => {
  test.each([
    ['duplicate key', 'drain:\n  timeout: 1s\n  timeout: 2s', 'file:3:3: duplicate key `timeout`'],
    ['tab', 'drain:\n\ttimeout: 1s', 'file:2:1: Tabs are not allowed as indentation'],
    ['open quote', 'pipeline: "a', 'file:1:13: Missing closing "quote'],
    ['two documents', 'pipeline: a\n---\npipeline: b', 'file:2:1: expects one document'],
    ['unknown tag', 'pipeline: !env NAME', 'file:1:11: Unresolved tag: !env'],
    ['no keys', '- listen', 'file:1:1: expects keys and values, such as listen: 127.0.0.1:5673'],
    ['no section', 'drain: 10s', 'file:1:8: drain: expects keys and values'],
    ['wrong type in short form', 'listen: 5673', 'file:1:9: listen: expects an address such as'],
    ['wrong type in long form', 'listen:\n  address: 5673', 'file:2:12: listen.address: expects an address such as'],
    ['empty value', 'pipeline:', 'file:1:10: pipeline: expects text'],
    ['truth as text', 'bypass: yes', 'file:1:9: bypass: expects true or false'],
    ['through an alias', 'pipeline: &here 5\nlog: { level: *here }', 'file:1:17: pipeline: expects text'],
    ['missing key', 'listen:\n  tls: { cert: a }', 'file:2:8: listen.tls.key: is missing (or --listen-tls-key, or'],
    ['empty section with required keys', 'listen:\n  tls:', 'file:2:7: listen.tls.cert: is missing'],
    ['half a pair', 'upstream: { tls: { key: a } }', 'file:1:25: upstream.tls.key: needs upstream.tls.cert too'],
    ['one address twice', 'admin: 127.0.0.1:5673', 'file:1:8: admin: is the same address as listen'],
    ['no such section', 'alerting: []', 'file:1:1: unknown key `alerting`; known here: listen,'],
    ['inherited name', 'constructor: a', 'file:1:1: unknown key `constructor`'],
    ['prototype', '__proto__: { bypass: true }', 'file:1:1: unknown key `__proto__`'],
    ['complex key', '? [a, b]\n: c', 'file:1:3: With stringKeys, all keys must be strings'],
    ['endless alias', 'drain: &a { timeout: *a }', 'file:1:'],
    [
      'a host with a port',
      'admin: { hosts: [a, "b:9673"] }',
      'file:1:21: admin.hosts[1]: expects a name such as metrics.example.com, without scheme and port',
    ],
    [
      'a header that is never shown',
      'tracing: { attributes: { headers: [tenant, X-Auth-Token] } }',
      'file:1:44: tracing.attributes.headers[1]: is never shown: tracing.attributes.never has "token"',
    ],
    ['no hosts', 'admin: { hosts: [] }', 'file:1:17: admin.hosts: expects at least one name'],
    [
      'no bounds',
      'metrics: { buckets: { latency: [] } }',
      'file:1:32: metrics.buckets.latency: expects at least one bound',
    ],
    [
      'infinite bound',
      'metrics: { buckets: { latency: [.inf] } }',
      'file:1:33: metrics.buckets.latency[0]: expects numbers',
    ],
    [
      'bound of 0',
      'metrics: { buckets: { latency: [0, 1] } }',
      'file:1:33: metrics.buckets.latency[0]: expects bounds above 0',
    ],
    [
      'too many bounds',
      `metrics: { buckets: { latency: [${Array.from({ length: 51 }, (_, index) => index + 1)}] } }`,
      'file:1:32: metrics.buckets.latency: expects at most 50 bounds',
    ],
  ])('%s', (_, yaml, problem) => {
    expect(problems({ yaml })).toContainEqual(expect.stringMatching(new RegExp(`^${RegExp.escape(problem)}`)));
  });
});

test('a file that is not there: one line', () => {
  expect(problems({ argv: ['--config', '/nowhere.yaml'] })).toEqual(['--config: /nowhere.yaml: no such file']);
  expect(problems({ env: { TRACEHARE_CONFIG: '/' } })).toEqual(['TRACEHARE_CONFIG: /: is a directory']);
});

test('fifty bounds are not too many', () => {
  const bounds = Array.from({ length: 50 }, (_, index) => index + 1);
  expect(load({ yaml: `metrics: { buckets: { confirm: [${bounds}] } }` }).metrics.buckets.confirm).toEqual(bounds);
});
