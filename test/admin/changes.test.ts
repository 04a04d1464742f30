import { describe, expect, test } from 'vitest';
import type { AdminChanges } from '../../src/admin/sources.ts';
import { type Asked, ask, start } from './serving.ts';

/** What was asked for, in order; nothing of it is done. */
async function serving(options: { token?: string; host?: string } = { token: 'secret' }) {
  const done: unknown[][] = [];
  const changes: AdminChanges = {
    faults: () => ({ enabled: true, faults: [] }),
    async addFault(body) {
      done.push(['add', body]);
      return { name: 'x', type: 'drop', toxicity: 1, attributes: {}, match: {}, secondsLeft: null };
    },
    async endFaults(name) {
      done.push(['end', name]);
      return [name ?? 'all'];
    },
    async bypass(on) {
      done.push(['bypass', on]);
      return on;
    },
  };
  const { address } = await start({ changes }, options);
  return { done, ask: (path: string, asked: Asked) => ask(address, path, asked) };
}

const JSON_BODY = { 'content-type': 'application/json' };
const RIGHT = { authorization: 'Bearer secret' };
const ADD: Asked = { method: 'POST', headers: { ...JSON_BODY, ...RIGHT }, body: '{"type":"drop"}' };

/** Every change there is. */
const CHANGES: [method: string, path: string, body: string | undefined][] = [
  ['POST', '/api/faults', '{"type":"drop"}'],
  ['DELETE', '/api/faults', undefined],
  ['DELETE', '/api/faults/drop', undefined],
  ['POST', '/api/bypass', '{}'],
  ['DELETE', '/api/bypass', undefined],
];

describe.each(CHANGES)('%s %s', (method, path, body) => {
  const asked = (headers: Record<string, string>): Asked => ({
    method,
    headers: { ...(body !== undefined && JSON_BODY), ...headers },
    ...(body !== undefined && { body }),
  });

  test.each(['127.0.0.1', '0.0.0.0'])('on %s is done with the token alone', async (host) => {
    const { done, ask } = await serving({ token: 'secret', host });
    for (const headers of [{}, { authorization: 'Bearer wrong' }])
      expect((await ask(path, asked(headers))).status).toBe(401);
    expect(done).toEqual([]);
    const { status } = await ask(path, asked(RIGHT));
    expect([200, 201]).toContain(status);
    expect(done).toHaveLength(1);
  });

  test('is never done where no token is set', async () => {
    const { done, ask } = await serving({});
    const { status, body } = await ask(path, asked(RIGHT));
    expect([status, body]).toEqual([
      403,
      'nothing can be changed without a token: set admin.token in the configuration file, or TRACEHARE_ADMIN_TOKEN\n',
    ]);
    expect(done).toEqual([]);
  });

  test('is not done for a page of another site, though its browser knows the token', async () => {
    const { done, ask } = await serving();
    for (const site of ['cross-site', 'same-site'])
      expect((await ask(path, asked({ ...RIGHT, 'sec-fetch-site': site }))).status).toBe(403);
    expect(done).toEqual([]);
    expect((await ask(path, asked({ ...RIGHT, 'sec-fetch-site': 'same-origin' }))).status).toBeLessThan(300);
  });
});

test('wrong tokens for changes count as guesses', async () => {
  const { ask } = await serving();
  const statuses: number[] = [];
  for (let i = 0; i < 11; i++)
    statuses.push((await ask('/api/bypass', { method: 'DELETE', headers: { authorization: `Bearer ${i}` } })).status);
  expect(statuses.at(-1)).toBe(429);
});

test.each<[string, Partial<Asked>, string]>([
  ['form data', { headers: { ...RIGHT, 'content-type': 'text/plain' } }, 'Content-Type: expects application/json'],
  ['no JSON', { body: '{' }, 'the body is no JSON'],
  ['too much', { body: `"${'x'.repeat(8192)}"` }, 'the body is larger than 8192 bytes'],
  ['chunks', { headers: { ...RIGHT, ...JSON_BODY, 'transfer-encoding': 'chunked' } }, 'Content-Length: is missing'],
])('%s: 400 and one line, and nothing is done', async (_, part, line) => {
  const { done, ask } = await serving();
  const { status, body } = await ask('/api/faults', { ...ADD, ...part });
  expect([status, body]).toEqual([400, `${line}\n`]);
  expect(done).toEqual([]);
});

test('other methods and paths change nothing', async () => {
  const { done, ask } = await serving();
  for (const [method, path] of [
    ['PUT', '/api/faults'],
    ['POST', '/api/faults/x'],
    ['DELETE', '/api/faults/x/y'],
    ['POST', '/api/state'],
    ['DELETE', '/constructor'],
  ])
    expect((await ask(path, { method, headers: RIGHT })).status).toBe(405);
  expect(done).toEqual([]);
});

test('what is asked is handed on, and answered', async () => {
  const { done, ask } = await serving();
  expect(await ask('/api/faults', ADD)).toMatchObject({ status: 201, body: expect.stringContaining('"name":"x"') });
  expect(JSON.parse((await ask('/api/faults/a.b-c', { method: 'DELETE', headers: RIGHT })).body)).toEqual({
    ended: ['a.b-c'],
  });
  expect(JSON.parse((await ask('/api/bypass', { ...ADD, body: '{}' })).body)).toEqual({ bypass: true });
  expect(done).toEqual([
    ['add', { type: 'drop' }],
    ['end', 'a.b-c'],
    ['bypass', true],
  ]);
});
