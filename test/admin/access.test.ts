import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { Access, type AccessSettings } from '../../src/admin/access.ts';
import { GuessLimit } from '../../src/admin/guess-limit.ts';
import { peerOf } from '../../src/admin/peer.ts';
import { ask, start } from './serving.ts';

function request(headers: IncomingMessage['headers'], remoteAddress = '10.0.0.9'): IncomingMessage {
  return { headers, socket: { remoteAddress } } as IncomingMessage;
}

describe('the Host of a request', () => {
  const answered = (address: string, name: string, settings: AccessSettings, host: string | undefined): boolean =>
    new Access(address, name, settings).host(request({ host })) === undefined;

  test.each([
    // a sidecar's probes and scrapers: by the pod's address, by a name of the cluster or of compose
    ['0.0.0.0', '', {}, '10.1.2.3:9673', true],
    ['0.0.0.0', '', {}, 'order-tracehare:9673', true],
    ['::', '', {}, '[fd00::1]:9673', true],
    ['0.0.0.0', '', {}, 'tracehare.shop.svc.cluster.local', true],
    // with a list only what is on it, and addresses
    ['0.0.0.0', '', { hosts: ['order-tracehare'] }, 'order-tracehare:9673', true],
    ['0.0.0.0', '', { hosts: ['order-tracehare'] }, 'Order-Tracehare.:9673', true],
    ['0.0.0.0', '', { hosts: ['order-tracehare'] }, '10.1.2.3:9673', true],
    ['0.0.0.0', '', { hosts: ['order-tracehare'] }, '[fd00::1]:9673', true],
    ['0.0.0.0', '', { hosts: ['order-tracehare'] }, 'localhost:9673', true],
    ['0.0.0.0', '', { hosts: ['order-tracehare'] }, 'evil.example', false],
    ['0.0.0.0', '', { hosts: ['order-tracehare'] }, 'order-tracehare.evil.example', false],
    ['10.1.2.3', 'metrics.internal', { hosts: ['a'] }, 'metrics.internal:9673', true],
    ['127.0.0.1', '127.0.0.1', {}, 'localhost:9673', true],
    ['127.0.1.1', 'my-host', {}, 'my-host:9673', true],
    ['127.0.0.1', '127.0.0.1', { hosts: ['metrics.example.com'] }, 'metrics.example.com', true],
    ['127.0.0.1', '127.0.0.1', {}, 'evil.example', false],
    ['127.0.0.1', '127.0.0.1', {}, '10.0.0.1', false],
    ['127.0.0.1', '127.0.0.1', {}, '', false],
    ['::1', '::1', {}, 'evil.example:9673', false],
    // HTTP/1.0, as a load balancer's check speaks it; no browser does
    ['127.0.0.1', '127.0.0.1', {}, undefined, true],
  ] as const)('on %s, named %j, with %j: %j is answered: %j', (address, name, settings, host, is) => {
    expect(answered(address, name, settings, host)).toBe(is);
  });

  test('must be one of admin.hosts for metrics and health too, and the list can change', async () => {
    const { address, configure } = await start({}, { host: '0.0.0.0', hosts: ['metrics.example'] });
    const status = async (path: string, host: string) => (await ask(address, path, { headers: { host } })).status;
    for (const path of ['/metrics', '/livez', '/readyz', '/']) expect(await status(path, 'evil.example')).toBe(403);
    expect(await status('/metrics', 'metrics.example:9673')).toBe(200);
    configure({ hosts: ['other.example'] });
    expect(await status('/metrics', 'metrics.example:9673')).toBe(403);
    expect(await status('/metrics', 'other.example')).toBe(200);
  });
});

describe('guessing the token', () => {
  test('ends after ten wrong ones, for the right one too; health and metrics are answered', async () => {
    const { address } = await start({}, { host: '0.0.0.0', token: 'right' });
    const answer = (token: string) => ask(address, '/api/state', { headers: { authorization: `Bearer ${token}` } });
    for (let i = 0; i < 10; i++) expect((await answer(`wrong${i}`)).status).toBe(401);
    const limited = await answer('right');
    expect(limited.status).toBe(429);
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
    expect((await ask(address, '/metrics')).status).toBe(200);
    expect((await ask(address, '/livez')).status).toBe(200);
  });

  test('is what sends a token: browsers that ask without one first are not limited', async () => {
    const { address } = await start({}, { host: '0.0.0.0', token: 'right' });
    for (let i = 0; i < 30; i++) expect((await ask(address, '/')).status).toBe(401);
    expect((await ask(address, '/', { headers: { authorization: 'Bearer right' } })).status).toBe(200);
  });

  function limit() {
    const at = { now: 1_000_000 };
    return { at, guesses: new GuessLimit(() => at.now) };
  }

  test('may go on at one in ten seconds, by the peer that guessed only', () => {
    const { at, guesses } = limit();
    for (let i = 0; i < 10; i++) {
      expect(guesses.wait('a')).toBe(0);
      guesses.wrong('a');
    }
    expect(guesses.wait('a')).toBe(10_000);
    expect(guesses.wait('b')).toBe(0);
    at.now += 10_000;
    expect(guesses.wait('a')).toBe(0);
    guesses.wrong('a');
    expect(guesses.wait('a')).toBe(10_000);
    at.now += 100_000;
    for (let i = 0; i < 10; i++) guesses.wrong('a');
    expect(guesses.wait('a')).toBe(10_000);
  });

  test('is forgotten of who has the token', () => {
    const { guesses } = limit();
    for (let i = 0; i < 9; i++) guesses.wrong('a');
    guesses.right('a');
    for (let i = 0; i < 9; i++) guesses.wrong('a');
    expect(guesses.wait('a')).toBe(0);
  });

  test('is remembered of a thousand peers: those that guessed last', () => {
    const { guesses } = limit();
    for (let i = 0; i < 20; i++) guesses.wrong('early');
    for (let i = 0; i < 20; i++) guesses.wrong('late');
    for (let i = 0; i < 1023; i++) guesses.wrong(`peer ${i}`);
    expect(guesses.wait('early')).toBe(0);
    expect(guesses.wait('late')).toBeGreaterThan(0);
  });
});

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::6', '2001:db8:1:2'],
  ['2001:db8::6', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['::1', '0:0:0:0'],
  [undefined, ''],
])('the peer at %s is %s', (remoteAddress, peer) => {
  expect(peerOf({ remoteAddress })).toBe(peer);
});
