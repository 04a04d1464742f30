import { describe, expect, test } from 'vitest';
import { load, problems } from './given.ts';

describe('addresses', () => {
  test.each([
    ['127.0.0.1:5673', { host: '127.0.0.1', port: 5673 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    [':65535', { host: '', port: 65535 }],
    ['[::1]:5673', { host: '::1', port: 5673 }],
    ['[::]:1', { host: '::', port: 1 }],
    ['broker_1.my-net.example:1', { host: 'broker_1.my-net.example', port: 1 }],
  ])('%s', (text, address) => {
    expect(load({ argv: ['--listen', text] }).listen).toEqual(address);
    expect(load({ yaml: `listen: "${text}"` }).listen).toEqual(address);
  });

  test.each([
    ['5673', 'has no port'],
    ['localhost', 'has no port'],
    ['localhost:', 'is no host and port'],
    ['localhost:amqp', 'is no host and port'],
    ['localhost:65536', 'has a port over 65535'],
    ['::1:5673', 'is no host and port; IPv6 addresses go in brackets'],
    ['[localhost]:5673', 'has no IPv6 address in its brackets'],
    ['amqp://localhost:5673', 'is no host and port'],
    ['local host:1', 'is no host and port'],
    ['a:1\n', 'is no host and port'],
  ])('%s is refused', (text, problem) => {
    expect(problems({ argv: ['--admin', text] })).toEqual([expect.stringContaining(`--admin: ${problem}`)]);
  });
});

describe('upstreams', () => {
  test.each([
    ['amqp://a', [{ host: 'a', port: 5672, tls: false }]],
    ['amqps://a', [{ host: 'a', port: 5671, tls: true }]],
    ['amqp://[::1]:1', [{ host: '::1', port: 1, tls: false }]],
    [
      'amqps://a:1, amqp://b',
      [
        { host: 'a', port: 1, tls: true },
        { host: 'b', port: 5672, tls: false },
      ],
    ],
  ])('%s', (text, servers) => {
    expect(load({ argv: ['--upstream', text] }).upstream.servers).toEqual(servers);
  });

  test.each([
    ['localhost:5672', 'is no AMQP address'],
    ['http://localhost', 'is no AMQP address'],
    ['amqp://a/vhost', 'must end after host and port'],
    ['amqp://a/', 'must end after host and port'],
    ['amqp://a?heartbeat=5', 'must end after host and port'],
    ['amqp://:5672', 'has no host'],
    ['amqp://a:0', 'has port 0'],
    ['amqp://a:65536', 'has a port over 65535'],
    ['amqp://a,', 'server 2 of 2 is no AMQP address'],
    ['amqp://a,amqp://b/c', 'server 2 of 2 must end after host and port'],
  ])('%s is refused', (text, problem) => {
    expect(problems({ argv: ['--upstream', text] })).toEqual([expect.stringContaining(`--upstream: ${problem}`)]);
  });
});

describe('credentials are never repeated', () => {
  const urls = [
    'amqp://user:s3cret@host',
    'amqp://user:s3cret,s3cret@host',
    'amqp://user:s3cret/s3cret@host',
    'amqp://user:s3cret?s3cret#@host',
    'amqp://user:s3cret', // the host was forgotten
    'amqp://ok,amqp://user:s3cret@host/vhost',
    'user:s3cret@host',
    's3cret:s3cret',
  ];
  test.each(urls)('%s', (url) => {
    for (const flag of ['--upstream', '--listen', '--loss', '--drain-timeout', '--limits-connections', '--upstrem']) {
      const found = problems({ argv: [flag, url], env: { TRACEHARE_UPSTREAM: url } });
      expect(found).not.toEqual([]);
      expect(found.join('\n')).not.toContain('s3cret');
    }
    for (const key of ['upstream', 'listen', 'admin', 'loss', 'drain', 'bypass', 'upstrem']) {
      const found = problems({ yaml: `${key}: "${url}"\n` });
      expect(found).not.toEqual([]);
      expect(found.join('\n')).not.toContain('s3cret');
    }
  });
});

describe('durations', () => {
  test.each([
    ['250ms', 250],
    ['0s', 0],
    ['10s', 10_000],
    ['1.5m', 90_000],
    ['1h', 3_600_000],
    ['596h', 2_145_600_000],
  ])('%s', (text, milliseconds) => {
    expect(load({ argv: ['--drain-timeout', text] }).drain.timeout).toBe(milliseconds);
  });

  test.each(['10', '10 s', 's', '-1s', '1d', '1e3s', '10S', '.5s'])('%s is refused', (text) => {
    expect(problems({ argv: [`--drain-timeout=${text}`] })).toEqual([
      '--drain-timeout: expects a number with a unit (ms, s, m or h), such as 250ms or 10s',
    ]);
  });

  test("what Node's timers can't hold is refused: they would fire at once", () => {
    expect(problems({ argv: ['--drain-timeout=597h'] })).toEqual(['--drain-timeout: expects at most 596h']);
  });

  test('a timeout of nothing is refused where it makes no sense', () => {
    expect(problems({ argv: ['--upstream-connect-timeout=0.1ms'] })).toEqual([
      '--upstream-connect-timeout: expects at least 1ms',
    ]);
  });
});
