import { expect, test } from 'vitest';
import { misspelt } from '../../src/config/given.ts';
import { load, problems } from './given.ts';

test('the flags and variables that the README promises', () => {
  const argv = ['--listen=:1', '--upstream=amqp://a', '--admin=:2', '--loss=off', '--pipeline=p'];
  const env = {
    TRACEHARE_LISTEN: ':1',
    TRACEHARE_UPSTREAM: 'amqp://a',
    TRACEHARE_ADMIN: ':2',
    TRACEHARE_LOSS: 'off',
    TRACEHARE_PIPELINE: 'p',
  };
  expect(load({ argv })).toMatchObject({
    listen: { host: '', port: 1 },
    upstream: { servers: [{ host: 'a', port: 5672, tls: false }] },
    admin: { host: '', port: 2 },
    loss: { mode: 'off' },
    pipeline: 'p',
  });
  expect(load({ env })).toEqual(load({ argv }));
  expect(load({ env: { TRACEHARE_BYPASS: '1' } }).bypass).toBe(true);
});

test('true or false: alone, negated, with a value, and as words in variables', () => {
  expect(load({ argv: ['--bypass', '--no-tracing-inject-unsampled'] })).toMatchObject({
    bypass: true,
    tracing: { injectUnsampled: false },
  });
  expect(load({ argv: ['--bypass=false'], env: { TRACEHARE_BYPASS: '1' } }).bypass).toBe(false);
  for (const text of ['1', 'true', 'YES', 'on']) expect(load({ env: { TRACEHARE_BYPASS: text } }).bypass).toBe(true);
  for (const text of ['0', 'false', 'NO', 'off']) expect(load({ env: { TRACEHARE_BYPASS: text } }).bypass).toBe(false);
  expect(problems({ env: { TRACEHARE_BYPASS: 'maybe' } })).toEqual(['TRACEHARE_BYPASS: expects true or false']);
});

test('a value that begins with a dash is given with =', () => {
  expect(load({ argv: ['--pipeline=-x'] }).pipeline).toBe('-x');
});

test('all that is wrong with flags and variables is told at once, each by its name', () => {
  const argv = ['--lisen', 'x', '-l', '--upstream=x', 'run', '--metrics-buckets-latency', '1,b', '--listen'];
  const env = { TRACEHARE_LOG_LEVEL: 'inf', TRACEHARE_LIMITS_CONNECTIONS: '0x10' };
  expect(problems({ argv, env }).sort()).toEqual([
    '--listen: needs a value: --listen ADDR',
    '--metrics-buckets-latency: expects numbers of seconds',
    '--upstream: is no AMQP address; expects amqp://host:port, or amqps://host:port for TLS',
    'TRACEHARE_LIMITS_CONNECTIONS: expects a whole number, 1 or more',
    'TRACEHARE_LOG_LEVEL: expects fatal, error, warn, info, debug or trace, did you mean `info`?',
    'unexpected argument `run`; commands come first, as in tracehare check FILE',
    'unknown flag `--lisen`, did you mean `--listen`?',
    'unknown flag `-l`; tracehare --help lists them',
  ]);
});

test('a flag without its value says which value', () => {
  expect(problems({ argv: ['--config'] })).toEqual(['--config: needs a value: --config FILE']);
  expect(problems({ argv: ['--loss', '--bypass'] })).toEqual(['--loss: needs a value: --loss off|returns|confirms']);
});

test('a flag given in part names what is missing, by key, flag and variable', () => {
  expect(problems({ argv: ['--listen-tls-cert=a'] })).toEqual([
    '--listen-tls-cert: listen.tls.key: is missing (or --listen-tls-key, or TRACEHARE_LISTEN_TLS_KEY)',
  ]);
});

test('names that every object has are no flags', () => {
  for (const name of ['--constructor', '--__proto__', '--toString', '--no-toString', '--no-constructor=1'])
    expect(problems({ argv: [name] })).toEqual([expect.stringContaining('unknown flag')]);
});

test('a misspelt variable is noticed; what Kubernetes leaves in the environment is none', () => {
  const left = {
    TRACEHARE_SERVICE_HOST: '10.0.0.1',
    TRACEHARE_PORT: 'tcp://10.0.0.1:1',
    TRACEHARE_PORT_1_TCP_ADDR: 'x',
  };
  expect(misspelt({ ...left, TRACEHARE_LISTEN: 'x', TRACEHARE_UPSTEAM: 'x', PATH: 'x' })).toEqual([
    'unknown variable `TRACEHARE_UPSTEAM`, did you mean `TRACEHARE_UPSTREAM`?',
  ]);
});
