import { describe, expect, test } from 'vitest';
import { settings, written } from '../../src/config/settings.ts';
import { beside, load, problems } from './given.ts';

test('nothing given: everything is what the documentation says', () => {
  expect(load({})).toEqual({
    workers: 1,
    listen: { host: '127.0.0.1', port: 5673 },
    upstream: { servers: [{ host: '127.0.0.1', port: 5672, tls: false }], tls: { verify: true }, connectTimeout: 5000 },
    admin: { host: '127.0.0.1', port: 9673 },
    loss: { mode: 'returns', settleOnClose: 250, exempt: [] },
    tracing: {
      maxTracesPerSecond: 50,
      maxLossSpansPerSecond: 50,
      injectUnsampled: true,
      consumer: 'parent',
      cause: 'link',
      queue: 'event',
      keep: { slow: 'auto', maxPerSecond: 50 },
      attributes: {
        baggage: [],
        headers: [],
        never: expect.arrayContaining(['authorization', 'cookie', 'password', 'token']),
      },
    },
    rpc: { timeout: 30_000 },
    rounds: { poison: 5 },
    metrics: {
      maxTopics: 500,
      maxEdges: 1000,
      idleAfter: 3_600_000,
      buckets: {
        latency: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
        confirm: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
        processing: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      },
      openTelemetryNames: true,
    },
    page: { traces: 16 * 1024 * 1024 },
    peers: [],
    drain: { timeout: 10_000 },
    limits: { connections: 10_000, windowPerChannel: 250_000, losses: 1000, poison: 1000 },
    process: { schedulingPolicy: 'batch', warmUp: true },
    log: { level: 'info' },
    bypass: false,
    faults: { enabled: false },
    rules: [],
    plugins: [],
  });
});

test('what is not given is absent, not undefined', () => {
  const config = load({});
  expect(Object.keys(config)).not.toContain('pipeline');
  expect(Object.keys(config.listen)).toEqual(['host', 'port']);
  expect(Object.keys(config.admin)).toEqual(['host', 'port']);
  expect(Object.keys(config.upstream.tls)).toEqual(['verify']);
});

describe('precedence', () => {
  const yaml = 'drain: { timeout: 3s }';
  const env = { TRACEHARE_DRAIN_TIMEOUT: '2s' };
  const argv = ['--drain-timeout', '1s'];

  test.each([
    ['flag over variable, file and default', { yaml, env, argv }, 1000],
    ['variable over file and default', { yaml, env }, 2000],
    ['file over default', { yaml }, 3000],
    ['flag over file', { yaml, argv }, 1000],
    ['an empty variable counts as not set', { yaml, env: { TRACEHARE_DRAIN_TIMEOUT: '' } }, 3000],
    ['the last of a flag given twice', { argv: [...argv, '--drain-timeout=7s'] }, 7000],
  ])('%s', (_, sources, timeout) => {
    expect(load(sources).drain.timeout).toBe(timeout);
  });

  test('of a section, each key for itself', () => {
    const config = load({
      yaml: 'upstream: { urls: amqp://file, connectTimeout: 9s }',
      argv: ['--upstream=amqp://flag'],
    });
    expect(config.upstream.servers[0].host).toBe('flag');
    expect(config.upstream.connectTimeout).toBe(9000);
  });

  test("a flag's file over a variable's", () => {
    const [flag, variable] = [beside('flag.yaml', 'pipeline: flag'), beside('variable.yaml', 'pipeline: variable')];
    expect(load({ env: { TRACEHARE_CONFIG: variable } }).pipeline).toBe('variable');
    expect(load({ argv: ['--config', flag], env: { TRACEHARE_CONFIG: variable } }).pipeline).toBe('flag');
  });
});

describe('short and long form mean the same', () => {
  test.each([
    ['listen: 127.0.0.1:1', 'listen: { address: 127.0.0.1:1 }'],
    ['upstream: amqp://a,amqp://b', 'upstream: { urls: [amqp://a, amqp://b] }'],
    ['upstream: [amqp://a, amqp://b]', 'upstream: { urls: "amqp://a, amqp://b" }'],
    ['admin: :1', 'admin: { address: :1 }'],
    ['loss: off', 'loss: { mode: off }'],
    ['metrics:', 'metrics: {}'],
    ['rules:', 'rules: []'],
    ['loss: { exempt: }', 'loss: { exempt: [] }'],
    ['rules: [{ match: { vhost: / }, loss: off }]', 'rules: [{ match: { vhost: / }, loss: { mode: off } }]'],
    ['', '{}'],
  ])('%s', (short, long) => {
    expect(load({ yaml: short })).toEqual(load({ yaml: long }));
  });

  test('a flag adds to a section in its short form', () => {
    const config = load({ yaml: 'upstream: amqp://a', argv: ['--upstream-tls-server-name', 'broker'] });
    expect(config.upstream).toMatchObject({ servers: [{ host: 'a' }], tls: { serverName: 'broker' } });
  });
});

/** Each setting with a value that is not its default: in the file, and as a flag's text. */
const values: Record<string, [yaml: unknown, text: string]> = {
  ADDR: ['127.0.0.9:1234', '127.0.0.9:1234'],
  'URL[,URL…]': [['amqps://x'], 'amqps://x'],
  DURATION: ['42ms', '42ms'],
  'DURATION|auto|off': ['42ms', '42ms'],
  NUMBER: [42, '42'],
  'NUMBER|auto': [42, '42'],
  'SECONDS[,SECONDS…]': [[0.5, 42], '0.5,42'],
  'NAME[,NAME…]': [['a.example', 'b'], 'a.example,b'],
  'KEY[,KEY…]': [['a', 'b'], 'a,b'],
  'ADMIN-URL[,ADMIN-URL…]': [['http://a:9673', 'https://b'], 'http://a:9673,https://b'],
  SIZE: ['42KiB', '42KiB'],
  TEXT: ['forty-two', 'forty-two'],
  TOKEN: ['forty-two', 'forty-two'],
  FILE: ['/dev/null', '/dev/null'],
};

describe('every setting can be given in the file, as a flag and as a variable, to the same effect', () => {
  /** What has to be there too for the setting to be valid. */
  const company: Record<string, string[]> = {
    'listen.tls': ['--listen-tls-cert', 'c', '--listen-tls-key', 'k'],
    'upstream.tls': ['--upstream-tls-cert', 'c', '--upstream-tls-key', 'k'],
  };

  test.each(
    settings.filter(({ name }) => name !== 'admin.tokenFile').map((setting) => [setting.name, setting] as const),
  )('%s', (_, setting) => {
    const { path, flag, variable, kind } = setting;
    const choices = setting.placeholder.split('|');
    const other = choices.find((choice) => choice !== written(setting.default)) as string;
    const [inFile, text] = values[setting.placeholder] ?? [kind === 'boolean' ? other === 'true' : other, other];
    const around = (company[path.slice(0, 2).join('.')] ?? []).slice();
    const own = around.indexOf(`--${flag}`);
    if (own >= 0) around.splice(own, 2);

    const yaml = JSON.stringify(path.reduceRight<unknown>((below, key) => ({ [key]: below }), inFile));
    const fromFile = load({ yaml, argv: around });
    expect(fromFile).not.toEqual(load({ argv: company[path.slice(0, 2).join('.')] ?? [] }));
    expect(load({ argv: [...around, `--${flag}=${text}`] })).toEqual(fromFile);
    expect(load({ argv: around, env: { [variable]: text } })).toEqual(fromFile);
  });
});

describe("the admin server's token", () => {
  test('is read from a file, without the line end', () => {
    expect(load({ yaml: `admin: { tokenFile: ${beside('token', 's3cret\n')} }` }).admin.token).toBe('s3cret');
  });

  test('of a flag takes the place of the file that the configuration names', () => {
    const yaml = 'admin: { tokenFile: /nowhere }';
    expect(load({ yaml, argv: ['--admin-token', 'mine'] }).admin.token).toBe('mine');
  });

  test('given twice by one source is an error', () => {
    expect(problems({ yaml: 'admin:\n  token: a\n  tokenFile: /nowhere' })).toContain(
      'file:3:14: admin.tokenFile: only one of admin.token and admin.tokenFile can be given',
    );
  });

  test('missing file, and one that is no token', () => {
    expect(problems({ argv: ['--admin-token-file', '/nowhere'] })).toEqual([
      '--admin-token-file: /nowhere: no such file',
    ]);
    const [problem] = problems({ argv: ['--admin-token-file', beside('words', 'two words')] });
    expect(problem).toMatch(/^--admin-token-file: .*expects one line of visible ASCII/);
    expect(problem).not.toContain('two words');
  });
});

test('the result is frozen to the last list', () => {
  const config = load({ yaml: 'listen: { tls: { cert: a, key: b } }' });
  const loose = (value: unknown): boolean =>
    typeof value === 'object' && value !== null && (!Object.isFrozen(value) || Object.values(value).some(loose));
  expect(loose(config)).toBe(false);
  expect(() => config.metrics.buckets.latency.push(1)).toThrow(TypeError);
});

describe('peers', () => {
  test.each([
    ['http://orders:9673', { host: 'orders', port: 9673, tls: false }],
    ['http://orders:9673/', { host: 'orders', port: 9673, tls: false }],
    ['https://orders.example', { host: 'orders.example', port: 443, tls: true }],
    ['http://[::1]:1', { host: '::1', port: 1, tls: false }],
  ])('%s', (url, peer) => {
    expect(load({ yaml: `peers: ["${url}"]` }).peers).toEqual([peer]);
  });

  test.each([
    'orders:9673',
    'http://:9673',
    'http://user:secret@orders:9673',
    'http://orders:9673/api',
    'ftp://orders',
  ])('%s is none, and is not repeated', (url) => {
    const [problem] = problems({ yaml: `peers: ["${url}"]` });
    expect(problem).toMatch(/^file:1:\d+: peers: expects admin URLs such as http:\/\/orders:9673/);
    expect(problem).not.toContain('secret');
  });
});
